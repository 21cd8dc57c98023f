/*
 * Listens in the agent's place and gives every request the same answer, as fast as possible: `answer SOCKET FILE`. So only the
 * caller is measured.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void serve(int peer, const char *answer, size_t length) {
  char part[65536];
  while (read(peer, part, sizeof part) > 0) continue;
  if (write(peer, answer, length) < 0) perror("answer");
  close(peer);
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  static char answer[1 << 20];
  FILE *file = fopen(arguments[2], "r");
  if (!file) return 3;
  size_t length = fread(answer, 1, sizeof answer, file);
  fclose(file);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(arguments[1]) >= sizeof address.sun_path) return 4;
  memcpy(address.sun_path, arguments[1], strlen(arguments[1]));
  int server = socket(AF_UNIX, SOCK_STREAM, 0);
  if (bind(server, (struct sockaddr *)&address, sizeof address) < 0 || listen(server, 256) < 0) return 5;
  puts("listening");
  fflush(stdout);
  for (;;) {
    int peer = accept(server, NULL, NULL);
    if (peer >= 0) serve(peer, answer, length);
  }
}
