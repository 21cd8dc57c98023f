/*
 * The baseline of the CNI executable: the same exchange with the agent (core/cni/wire.ts) in C. It reads the configuration, sends it
 * with the CNI variables as one JSON document to the socket, and prints what the answer says. No time limits, no errors in words.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct buffer {
  char *data;
  size_t length;
  size_t capacity;
};

static void put(struct buffer *into, const char *data, size_t length) {
  if (into->length + length > into->capacity) {
    into->capacity = 2 * (into->length + length) + 4096;
    into->data = realloc(into->data, into->capacity);
    if (!into->data) exit(2);
  }
  memcpy(into->data + into->length, data, length);
  into->length += length;
}

static void put_text(struct buffer *into, const char *text) { put(into, text, strlen(text)); }

static void put_json(struct buffer *into, const char *text, size_t length) {
  put(into, "\"", 1);
  for (size_t i = 0; i < length; i++) {
    unsigned char c = (unsigned char)text[i];
    char escaped[8];
    if (c == '"' || c == '\\') snprintf(escaped, sizeof escaped, "\\%c", c);
    else if (c < 0x20) snprintf(escaped, sizeof escaped, "\\u%04x", c);
    else snprintf(escaped, sizeof escaped, "%c", c);
    put_text(into, escaped);
  }
  put(into, "\"", 1);
}

static struct buffer read_to_end(int descriptor) {
  struct buffer text = {0};
  char part[16384];
  ssize_t count;
  while ((count = read(descriptor, part, sizeof part)) > 0) put(&text, part, (size_t)count);
  if (count < 0) exit(3);
  put(&text, "", 1);
  text.length--;
  return text;
}

static void write_all(int descriptor, const char *data, size_t length) {
  while (length > 0) {
    ssize_t count = write(descriptor, data, length);
    if (count < 0) exit(4);
    data += count;
    length -= (size_t)count;
  }
}

/* Prints a JSON string whose escapes are those that JSON.stringify makes of ASCII. */
static void print_json_string(const char *text) {
  struct buffer plain = {0};
  for (; *text != '"' && *text != '\0'; text++) {
    char c = *text;
    if (c == '\\') {
      c = *++text;
      if (c == 'n') c = '\n';
      else if (c == 't') c = '\t';
      else if (c == 'r') c = '\r';
      else if (c == 'b') c = '\b';
      else if (c == 'f') c = '\f';
      else if (c == 'u') {
        char digits[5] = {text[1], text[2], text[3], text[4], 0};
        c = (char)strtol(digits, NULL, 16);
        text += 4;
      }
    }
    put(&plain, &c, 1);
  }
  write_all(STDOUT_FILENO, plain.data, plain.length);
}

int main(void) {
  static const char *names[] = {"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS",         "CNI_IFNAME",
                                "CNI_ARGS",    "CNI_PATH",        "CNI_NETNS_OVERRIDE"};
  struct buffer config = read_to_end(STDIN_FILENO);
  struct buffer request = {0};
  const char *separator = "";
  put_text(&request, "{\"version\":1,\"env\":{");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *value = getenv(names[i]);
    if (!value) continue;
    put_text(&request, separator);
    put_json(&request, names[i], strlen(names[i]));
    put_text(&request, ":");
    put_json(&request, value, strlen(value));
    separator = ",";
  }
  put_text(&request, "},\"stdin\":");
  put_json(&request, config.data, config.length);
  put_text(&request, "}");

  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const char *path = getenv("MULTI_NIC_SOCKET");
  if (!path || strlen(path) >= sizeof address.sun_path) return 5;
  memcpy(address.sun_path, path, strlen(path));
  int peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(peer, (struct sockaddr *)&address, sizeof address) < 0) return 6;
  write_all(peer, request.data, request.length);
  shutdown(peer, SHUT_WR);
  struct buffer answer = read_to_end(peer);
  char *code = strstr(answer.data, "\"exitCode\":"), *text = strstr(answer.data, "\"stdout\":\"");
  if (!code || !text) return 7;
  print_json_string(text + strlen("\"stdout\":\""));
  return atoi(code + strlen("\"exitCode\":"));
}
