/*
 * The native half of the CNI executable: main(), and the global object `native` that native.ts describes. Everything here is
 * blocking with a time limit; one call, one process. No part of QuickJS's own library of system calls is linked.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "quickjs.h"

/* The compiled program, written by qjsc. */
extern const uint8_t program[];
extern const uint32_t program_size;

struct buffer {
  char *data;
  size_t length;
  size_t capacity;
};

static int64_t now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Waits until `descriptor` is ready for `events`, or has an error that the next call will report. Gives 0 or a negative errno. */
static int wait_for(int descriptor, short events, int64_t deadline) {
  for (;;) {
    int64_t left = deadline - now_ms();
    if (left < 0) return -ETIMEDOUT;
    struct pollfd ready = {.fd = descriptor, .events = events};
    int count = poll(&ready, 1, left > INT32_MAX ? INT32_MAX : (int)left);
    if (count > 0) return ready.revents & POLLNVAL ? -EBADF : 0;
    if (count < 0 && errno != EINTR) return -errno;
  }
}

/* Appends everything up to the end of the stream. Gives 0 or a negative errno. */
static int read_to_end(int descriptor, struct buffer *into, size_t limit, int64_t deadline) {
  for (;;) {
    if (into->length == into->capacity) {
      size_t capacity = into->capacity ? 2 * into->capacity : 16384;
      char *data = realloc(into->data, capacity);
      if (!data) return -ENOMEM;
      into->data = data;
      into->capacity = capacity;
    }
    int waited = wait_for(descriptor, POLLIN, deadline);
    if (waited < 0) return waited;
    ssize_t count = read(descriptor, into->data + into->length, into->capacity - into->length);
    if (count == 0) return 0;
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) return -errno;
    into->length += (size_t)count;
    if (into->length > limit) return -EMSGSIZE;
  }
}

/* Sends everything. A peer that has stopped reading may still have answered, so EPIPE is no failure. Gives 0 or a negative errno. */
static int send_all(int descriptor, const char *data, size_t length, int64_t deadline) {
  while (length > 0) {
    int waited = wait_for(descriptor, POLLOUT, deadline);
    if (waited < 0) return waited;
    ssize_t count = send(descriptor, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) return errno == EPIPE ? 0 : -errno;
    data += count;
    length -= (size_t)count;
  }
  return 0;
}

/* The text as a JavaScript string, or -EILSEQ where it is not UTF-8: then it would not come back as the same bytes. */
static JSValue new_text(JSContext *context, const struct buffer *text) {
  JSValue string = JS_NewStringLen(context, text->length ? text->data : "", text->length);
  size_t length;
  const char *back = JS_ToCStringLen(context, &length, string);
  bool same = back && length == text->length && memcmp(back, text->length ? text->data : "", length) == 0;
  if (back) JS_FreeCString(context, back);
  if (same) return string;
  JS_FreeValue(context, string);
  return JS_NewInt32(context, -EILSEQ);
}

static JSValue text_or_error(JSContext *context, struct buffer *text, int error) {
  JSValue value = error < 0 ? JS_NewInt32(context, error) : new_text(context, text);
  free(text->data);
  return value;
}

static JSValue native_getenv(JSContext *context, JSValueConst self, int count, JSValueConst *arguments) {
  (void)self, (void)count;
  const char *name = JS_ToCString(context, arguments[0]);
  if (!name) return JS_EXCEPTION;
  const char *value = getenv(name);
  JS_FreeCString(context, name);
  return value ? JS_NewString(context, value) : JS_UNDEFINED;
}

static JSValue native_stdin_is_terminal(JSContext *context, JSValueConst self, int count, JSValueConst *arguments) {
  (void)self, (void)count, (void)arguments;
  return JS_NewBool(context, isatty(STDIN_FILENO));
}

static JSValue native_read_stdin(JSContext *context, JSValueConst self, int count, JSValueConst *arguments) {
  (void)self, (void)count;
  int64_t limit, timeout;
  if (JS_ToInt64(context, &limit, arguments[0]) || JS_ToInt64(context, &timeout, arguments[1])) return JS_EXCEPTION;
  struct buffer text = {0};
  int error = read_to_end(STDIN_FILENO, &text, (size_t)limit, now_ms() + timeout);
  return text_or_error(context, &text, error);
}

static JSValue native_connect(JSContext *context, JSValueConst self, int count, JSValueConst *arguments) {
  (void)self, (void)count;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length;
  const char *path = JS_ToCStringLen(context, &length, arguments[0]);
  if (!path) return JS_EXCEPTION;
  bool fits = length < sizeof address.sun_path;
  if (fits) memcpy(address.sun_path, path, length);
  JS_FreeCString(context, path);
  if (!fits) return JS_NewInt32(context, -ENAMETOOLONG);
  int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return JS_NewInt32(context, -errno);
  if (connect(descriptor, (struct sockaddr *)&address, sizeof address) == 0) return JS_NewInt32(context, descriptor);
  int error = -errno;
  close(descriptor);
  return JS_NewInt32(context, error);
}

static JSValue native_exists(JSContext *context, JSValueConst self, int count, JSValueConst *arguments) {
  (void)self, (void)count;
  const char *path = JS_ToCString(context, arguments[0]);
  if (!path) return JS_EXCEPTION;
  bool exists = access(path, F_OK) == 0;
  JS_FreeCString(context, path);
  return JS_NewBool(context, exists);
}

static JSValue native_exchange(JSContext *context, JSValueConst self, int count, JSValueConst *arguments) {
  (void)self, (void)count;
  int32_t descriptor;
  int64_t timeout, limit;
  size_t length;
  if (JS_ToInt32(context, &descriptor, arguments[0]) || JS_ToInt64(context, &timeout, arguments[2]) ||
      JS_ToInt64(context, &limit, arguments[3]))
    return JS_EXCEPTION;
  const char *request = JS_ToCStringLen(context, &length, arguments[1]);
  if (!request) return JS_EXCEPTION;
  int64_t deadline = now_ms() + timeout;
  struct buffer answer = {0};
  int error = send_all(descriptor, request, length, deadline);
  JS_FreeCString(context, request);
  if (error == 0 && shutdown(descriptor, SHUT_WR) < 0 && errno != ENOTCONN) error = -errno;
  if (error == 0) error = read_to_end(descriptor, &answer, (size_t)limit, deadline);
  close(descriptor);
  return text_or_error(context, &answer, error);
}

static JSValue native_write(JSContext *context, JSValueConst self, int count, JSValueConst *arguments) {
  (void)self, (void)count;
  int32_t descriptor;
  size_t length;
  if (JS_ToInt32(context, &descriptor, arguments[0])) return JS_EXCEPTION;
  const char *text = JS_ToCStringLen(context, &length, arguments[1]);
  if (!text) return JS_EXCEPTION;
  int error = 0;
  for (size_t done = 0; done < length && error == 0;) {
    ssize_t written = write(descriptor, text + done, length - done);
    if (written >= 0) done += (size_t)written;
    else if (errno != EINTR) error = -errno;
  }
  JS_FreeCString(context, text);
  return JS_NewInt32(context, error);
}

static JSValue native_strerror(JSContext *context, JSValueConst self, int count, JSValueConst *arguments) {
  (void)self, (void)count;
  int32_t number;
  if (JS_ToInt32(context, &number, arguments[0])) return JS_EXCEPTION;
  return JS_NewString(context, strerror(number < 0 ? -number : number));
}

static JSValue native_now(JSContext *context, JSValueConst self, int count, JSValueConst *arguments) {
  (void)self, (void)count, (void)arguments;
  return JS_NewInt64(context, now_ms());
}

static JSValue native_sleep(JSContext *context, JSValueConst self, int count, JSValueConst *arguments) {
  (void)self, (void)count;
  int32_t milliseconds;
  if (JS_ToInt32(context, &milliseconds, arguments[0])) return JS_EXCEPTION;
  poll(NULL, 0, milliseconds);
  return JS_UNDEFINED;
}

static JSValue native_exit(JSContext *context, JSValueConst self, int count, JSValueConst *arguments) {
  (void)self, (void)count;
  int32_t code;
  if (JS_ToInt32(context, &code, arguments[0])) return JS_EXCEPTION;
  _exit(code); /* nothing is buffered, and the kernel frees memory faster than the engine does */
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("getenv", 1, native_getenv),
    JS_CFUNC_DEF("stdinIsTerminal", 0, native_stdin_is_terminal),
    JS_CFUNC_DEF("readStdin", 2, native_read_stdin),
    JS_CFUNC_DEF("connect", 1, native_connect),
    JS_CFUNC_DEF("exists", 1, native_exists),
    JS_CFUNC_DEF("exchange", 4, native_exchange),
    JS_CFUNC_DEF("write", 2, native_write),
    JS_CFUNC_DEF("strerror", 1, native_strerror),
    JS_CFUNC_DEF("now", 0, native_now),
    JS_CFUNC_DEF("sleep", 1, native_sleep),
    JS_CFUNC_DEF("exit", 1, native_exit),
};

static void define_native(JSContext *context, int count, char **arguments) {
  JSValue native = JS_NewObject(context);
  JS_SetPropertyFunctionList(context, native, functions, sizeof functions / sizeof *functions);
  JSValue list = JS_NewArray(context);
  for (int index = 1; index < count; index++)
    JS_SetPropertyUint32(context, list, (uint32_t)index - 1, JS_NewString(context, arguments[index]));
  JS_SetPropertyStr(context, native, "args", list);
  JSValue global = JS_GetGlobalObject(context);
  JS_SetPropertyStr(context, global, "native", native);
  JS_FreeValue(context, global);
}

/* The program ends with native.exit; if it returns here, the engine failed, for example because it ran out of memory. */
int main(int count, char **arguments) {
  static const char failed[] =
      "{\"cniVersion\":\"1.1.0\",\"code\":999,\"msg\":\"the multi-nic executable failed\","
      "\"details\":\"its JavaScript engine could not run; is the node out of memory?\"}\n";
  JSRuntime *runtime = JS_NewRuntime();
  JSContext *context = runtime ? JS_NewContext(runtime) : NULL;
  if (context) {
    define_native(context, count, arguments);
    JSValue code = JS_ReadObject(context, program, program_size, JS_READ_OBJ_BYTECODE);
    if (!JS_IsException(code)) JS_EvalFunction(context, code);
  }
  ssize_t written = write(STDOUT_FILENO, failed, sizeof failed - 1);
  return written < 0 ? 2 : 1;
}
