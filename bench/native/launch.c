/*
 * Starts programs as a container runtime starts plugins, and reports how long they took. It uses posix_spawn from a small process, so that
 * the cost of starting is the program's own and not that of forking a large JavaScript heap.
 *
 * Standard input, line by line, until its end:
 *   serial N | parallel N      then N times:
 *   argc, the arguments (each a line), envc, the variables (each a line), path of its standard input, path of its standard output
 * Standard output, a line each: microseconds from the first start to the last end, microseconds of CPU, programs that failed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

struct program {
  char **arguments;
  char **environment;
  char *input;
  char *output;
};

static long now_us(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000L + time.tv_nsec / 1000;
}

static void fail(const char *what) {
  fprintf(stderr, "launch: %s: %s\n", what, strerror(errno));
  exit(2);
}

/* One line without its end; NULL at the end of the input. */
static char *read_line(void) {
  char *line = NULL;
  size_t capacity = 0;
  ssize_t length = getline(&line, &capacity, stdin);
  if (length <= 0) {
    free(line);
    return NULL;
  }
  if (line[length - 1] == '\n') line[length - 1] = '\0';
  return line;
}

static char *need_line(void) {
  char *line = read_line();
  if (!line) fail("the request is cut short");
  return line;
}

/* A count and so many lines, with NULL after them. */
static char **read_list(void) {
  char *text = need_line();
  int count = atoi(text);
  free(text);
  char **list = calloc((size_t)count + 1, sizeof *list);
  if (!list) fail("memory");
  for (int i = 0; i < count; i++) list[i] = need_line();
  return list;
}

static void free_list(char **list) {
  for (char **item = list; *item; item++) free(*item);
  free(list);
}

static void start(const struct program *program) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, program->input, O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, program->output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t pid;
  errno = posix_spawn(&pid, program->arguments[0], &files, NULL, program->arguments, program->environment);
  if (errno != 0) fail(program->arguments[0]);
  posix_spawn_file_actions_destroy(&files);
}

/* Waits for one child. Gives 1 where it failed, and adds the CPU that it used. */
static int finish(long *cpu_us) {
  int status;
  struct rusage usage;
  if (wait4(-1, &status, 0, &usage) < 0) fail("wait");
  *cpu_us += usage.ru_utime.tv_sec * 1000000L + usage.ru_utime.tv_usec;
  *cpu_us += usage.ru_stime.tv_sec * 1000000L + usage.ru_stime.tv_usec;
  return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

int main(void) {
  char *order;
  while ((order = read_line())) {
    char mode[16];
    int count;
    if (sscanf(order, "%15s %d", mode, &count) != 2) fail(order);
    free(order);
    struct program *programs = calloc((size_t)count, sizeof *programs);
    if (!programs) fail("memory");
    for (int i = 0; i < count; i++)
      programs[i] = (struct program){read_list(), read_list(), need_line(), need_line()};
    int serial = strcmp(mode, "serial") == 0, failed = 0;
    long cpu_us = 0, begin = now_us();
    for (int i = 0; i < count; i++) {
      start(&programs[i]);
      if (serial) failed += finish(&cpu_us);
    }
    for (int i = 0; !serial && i < count; i++) failed += finish(&cpu_us);
    long end = now_us();
    for (int i = 0; i < count; i++) {
      free_list(programs[i].arguments);
      free_list(programs[i].environment);
      free(programs[i].input);
      free(programs[i].output);
    }
    free(programs);
    printf("%ld %ld %d\n", end - begin, cpu_us, failed);
    fflush(stdout);
  }
  return 0;
}
