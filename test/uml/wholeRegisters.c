/*
 * Loaded into User-Mode Linux (LD_PRELOAD). The kernel 6.1 in it keeps the floating-point registers of a process in a buffer of fixed size,
 * but a processor with AMX has more of them, and Linux takes them only whole (arch/x86/kernel/fpu/regset.c, xstateregs_set): every return
 * to a process would fail. What is set is made whole here: programs inside do not use AMX, so the rest is zero.
 */
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

/* Where the XSAVE header says which components a buffer holds (Intel SDM, volume 1, section 13.4.2), and those of AMX. */
#define PRESENT 512
#define AMX (UINT64_C(3) << 17)

typedef long ptrace_call(enum __ptrace_request request, pid_t pid, void *address, void *data);

static long set_whole(ptrace_call *real, pid_t pid, void *address, const struct iovec *given) {
  static __thread uint8_t whole[64 * 1024];
  struct iovec all = {.iov_base = whole, .iov_len = sizeof whole};
  uint64_t present;
  if (given->iov_len >= PRESENT + sizeof present && real(PTRACE_GETREGSET, pid, address, &all) == 0 &&
      all.iov_len > given->iov_len) {
    memcpy(whole, given->iov_base, given->iov_len);
    memset(whole + given->iov_len, 0, all.iov_len - given->iov_len);
    memcpy(&present, whole + PRESENT, sizeof present);
    present &= ~AMX;
    memcpy(whole + PRESENT, &present, sizeof present);
    return real(PTRACE_SETREGSET, pid, address, &all);
  }
  return real(PTRACE_SETREGSET, pid, address, (void *)given);
}

long ptrace(enum __ptrace_request request, ...) {
  static ptrace_call *real;
  va_list arguments;
  va_start(arguments, request);
  const pid_t pid = va_arg(arguments, pid_t);
  void *address = va_arg(arguments, void *);
  void *data = va_arg(arguments, void *);
  va_end(arguments);
  if (!real)
    real = (ptrace_call *)dlsym(RTLD_NEXT, "ptrace");
  if (request == PTRACE_SETREGSET && (uintptr_t)address == NT_X86_XSTATE)
    return set_whole(real, pid, address, data);
  return real(request, pid, address, data);
}
