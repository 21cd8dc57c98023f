/*
 * Process 1 of the User-Mode Linux kernel that tests run in: prepares the system, runs one command, and switches off. Everything it
 * is told stands in the files of a folder of the host (the kernel parameter UML_PLAN): `modules` and `addresses`, one a line;
 * `arguments` and `environment`, each ended by a NUL; `cwd`; and `connected`, which is written while this waits. It writes `exit-code` there: its absence means that the system failed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static void say(const char *what, const char *where) { fprintf(stderr, "uml: %s %s: %s\n", what, where, strerror(errno)); }

/* Writes what was not finished and switches off; the kernel's process on the host ends. */
static void power_off(void) {
  sync();
  reboot(RB_POWER_OFF);
  _exit(1);
}

/* Without any of its parts the system would test something else: no exit code is written. */
static void give_up(const char *what, const char *where) {
  say(what, where);
  power_off();
}

/* The whole of a file of the plan, with a NUL after it. */
static char *read_plan(const char *name, size_t *length) {
  size_t capacity = 1 << 16;
  char *text = malloc(capacity);
  int file = open(name, O_RDONLY | O_CLOEXEC);
  if (file < 0 || !text) give_up("cannot read the plan's", name);
  *length = 0;
  for (;;) {
    ssize_t count = read(file, text + *length, capacity - *length - 1);
    if (count < 0) give_up("cannot read the plan's", name);
    if (count == 0) break;
    *length += (size_t)count;
    if (*length + 1 < capacity) continue;
    capacity *= 2;
    text = realloc(text, capacity);
    if (!text) give_up("cannot read the plan's", name);
  }
  close(file);
  text[*length] = 0;
  return text;
}

/* The strings of a file of the plan, each ended by a NUL, as exec takes them. */
static char **read_strings(const char *name) {
  size_t length, count = 0;
  char *text = read_plan(name, &length);
  for (size_t at = 0; at < length; at++) count += text[at] == 0;
  char **strings = calloc(count + 1, sizeof *strings);
  if (!strings) give_up("cannot read the plan's", name);
  for (size_t index = 0; index < count; index++, text += strlen(text) + 1) strings[index] = text;
  return strings;
}

static void mount_all(void) {
  static const struct {
    const char *type, *where, *data;
  } mounts[] = {
      {"proc", "/proc", ""},          {"sysfs", "/sys", ""},
      {"devtmpfs", "/dev", ""},       {"devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666"},
      {"tmpfs", "/dev/shm", ""},      {"tmpfs", "/run", "mode=755"},
      {"cgroup2", "/sys/fs/cgroup", ""},
  };
  for (size_t index = 0; index < sizeof mounts / sizeof *mounts; index++) {
    if (index > 1) mkdir(mounts[index].where, 0755); /* in file systems mounted just before */
    int mounted = mount(mounts[index].type, mounts[index].where, mounts[index].type, 0, mounts[index].data);
    if (mounted < 0 && errno != EBUSY) /* some kernels mount /dev themselves */
      give_up("cannot mount", mounts[index].where);
  }
  mkdir("/run/netns", 0755);
  symlink("/proc/self/fd", "/dev/fd");
}

/* Output goes to the second console, as it is: the first is the kernel's own. */
static void open_console(void) {
  int console = open("/dev/tty1", O_RDWR | O_NOCTTY);
  if (console < 0) power_off();
  struct termios mode;
  if (tcgetattr(console, &mode) == 0) {
    cfmakeraw(&mode); /* no carriage returns */
    tcsetattr(console, TCSANOW, &mode);
  }
  dup2(console, STDOUT_FILENO);
  dup2(console, STDERR_FILENO);
  if (console > STDERR_FILENO) close(console);
  int nothing = open("/dev/null", O_RDONLY);
  dup2(nothing, STDIN_FILENO);
  if (nothing > STDERR_FILENO) close(nothing);
}

/* A line a module: its file, a tab, its parameters. */
static void load_modules(void) {
  size_t length;
  for (char *path = strtok(read_plan("modules", &length), "\n"); path; path = strtok(NULL, "\n")) {
    char *parameters = strchr(path, '\t');
    if (!parameters) give_up("no parameters of", path);
    *parameters++ = 0;
    int module = open(path, O_RDONLY | O_CLOEXEC);
    if (module < 0 || (syscall(SYS_finit_module, module, parameters, 0) < 0 && errno != EEXIST)) give_up("cannot load", path);
    close(module);
  }
}

static void set_up(int control, struct ifreq *request) {
  if (ioctl(control, SIOCGIFFLAGS, request) < 0) give_up("no interface", request->ifr_name);
  request->ifr_flags |= IFF_UP;
  if (ioctl(control, SIOCSIFFLAGS, request) < 0) give_up("cannot set up", request->ifr_name);
}

static void set_address(int control, struct ifreq *request, unsigned long what, const char *text) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  if (inet_pton(AF_INET, text, &address.sin_addr) != 1) give_up("no address", text);
  memcpy(&request->ifr_addr, &address, sizeof address);
  if (ioctl(control, what, request) < 0) give_up("cannot set the address of", request->ifr_name);
}

/* The wire's other end, and what listens there, is made once the device is open: the host then writes the file `connected`. */
static void wait_for_host(void) {
  while (access("connected", F_OK) < 0) {
    if (errno != ENOENT) give_up("cannot see the plan's", "connected");
    usleep(10000);
  }
}

/* With IPv6 an interface sends as soon as it is up, without it not before it has an address. */
static void allow_ipv6(const char *interface, bool allowed) {
  char path[64];
  snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/disable_ipv6", interface);
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return; /* this kernel has no IPv6, or it is not loaded */
  if (file < 0 || write(file, allowed ? "0" : "1", 1) != 1) give_up("cannot write", path);
  close(file);
}

/*
 * Lines of `interface address netmask`. Setting the interface up makes the wire's end on the host. Until that is up too nothing may
 * be sent: the kernel's driver for such wires (6.1) is silent for good after one packet that the host refused.
 */
static void configure_network(void) {
  int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq loopback = {.ifr_name = "lo"};
  set_up(control, &loopback);
  size_t length;
  for (char *line = strtok(read_plan("addresses", &length), "\n"); line; line = strtok(NULL, "\n")) {
    struct ifreq request = {0};
    char address[INET_ADDRSTRLEN], mask[INET_ADDRSTRLEN];
    if (sscanf(line, "%15s %15s %15s", request.ifr_name, address, mask) != 3) give_up("cannot read the address", line);
    allow_ipv6(request.ifr_name, false);
    set_up(control, &request);
    wait_for_host();
    allow_ipv6(request.ifr_name, true);
    set_address(control, &request, SIOCSIFADDR, address);
    set_address(control, &request, SIOCSIFNETMASK, mask);
  }
  close(control);
}

/* Runs the plan's command. Gives its exit code as a shell does: 128 and the signal for one that was killed, 127 for none. */
static int run_command(void) {
  char **arguments = read_strings("arguments"), **environment = read_strings("environment");
  size_t length;
  char *cwd = read_plan("cwd", &length);
  pid_t child = fork();
  if (child < 0) give_up("cannot start", arguments[0]);
  if (child == 0) {
    setsid();
    if (chdir(cwd) < 0) say("cannot enter", cwd), _exit(127);
    execvpe(arguments[0], arguments, environment);
    say("cannot run", arguments[0]);
    _exit(127);
  }
  for (;;) {
    int status;
    pid_t ended = wait(&status); /* of anyone: orphans become children of process 1 */
    if (ended == child) return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (ended < 0 && errno != EINTR) return 127;
  }
}

static void write_exit_code(const char *plan, int code) {
  if (chdir(plan) < 0) give_up("cannot enter", plan);
  FILE *file = fopen("exit-code.new", "w");
  if (!file || fprintf(file, "%d\n", code) < 0 || fclose(file) != 0 || rename("exit-code.new", "exit-code") < 0)
    give_up("cannot write", "exit-code");
}

int main(void) {
  const char *plan = getenv("UML_PLAN");
  mount_all();
  open_console();
  if (!plan || chdir(plan) < 0) give_up("no folder in", "UML_PLAN");
  load_modules();
  configure_network();
  int code = run_command();
  kill(-1, SIGKILL);
  write_exit_code(plan, code);
  power_off();
}
