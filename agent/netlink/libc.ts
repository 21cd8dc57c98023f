import { constants } from 'node:os';
import koffi from 'koffi';
import { ErrnoError } from './errors.ts';

/**
 * The C library's calls that Node does not have. All are synchronous on purpose: setns changes the calling thread only, and in an
 * asynchronous call that would be one of the shared pool.
 */

/** Numbers of the C library's and kernel's headers, the same on every architecture that this project supports. */
export const AF_NETLINK = 16;
export const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
export const NETLINK_ROUTE = 0;
export const SOL_SOCKET = 1;
export const SO_RCVBUF = 8;
export const SO_RCVTIMEO = 20;
const SO_ATTACH_FILTER = 26;
export const SO_RCVBUFFORCE = 33;
export const SOL_NETLINK = 270;
export const NETLINK_ADD_MEMBERSHIP = 1;
export const NETLINK_CAP_ACK = 10;
export const NETLINK_EXT_ACK = 11;
export const NETLINK_GET_STRICT_CHK = 12;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
export const CLONE_NEWNET = 0x40000000;

const libc = koffi.load(null);

type Call<Arguments extends unknown[]> = (...args: Arguments) => number;

// koffi's functions are untyped; each declaration in C stands beside its type.
const socketC = libc.func('int socket(int, int, int)') as Call<[number, number, number]>;
const closeC = libc.func('int close(int)') as Call<[number]>;
const setnsC = libc.func('int setns(int, int)') as Call<[number, number]>;
const connectC = libc.func('int connect(int, const void *, uint)') as Call<[number, Uint8Array, number]>;
const setsockoptC = libc.func('int setsockopt(int, int, int, const void *, uint)') as Call<
  [number, number, number, Uint8Array, number]
>;
const getsockoptC = libc.func('int getsockopt(int, int, int, void *, void *)') as Call<
  [number, number, number, Uint8Array, Uint8Array]
>;
const sendC = libc.func('intptr_t send(int, const void *, size_t, int)') as Call<[number, Uint8Array, number, number]>;
const sendtoC = libc.func('intptr_t sendto(int, const void *, size_t, int, const void *, uint)') as Call<
  [number, Uint8Array, number, number, Uint8Array, number]
>;
const recvC = libc.func('intptr_t recv(int, void *, size_t, int)') as Call<[number, Uint8Array, number, number]>;

/** struct sock_fprog (linux/filter.h), 64 bits: a count of instructions, and where they are. */
const program = koffi.struct({ len: 'uint16', filter: 'const void *' });
const attachFilterC = libc.func('setsockopt', 'int', ['int', 'int', 'int', koffi.pointer(program), 'uint']) as Call<
  [number, number, number, { len: number; filter: Uint8Array }, number]
>;

/** A system call that failed, with its positive errno. */
export class SystemError extends ErrnoError {
  override readonly name = 'SystemError';
  readonly call: string;
  readonly errno: number;
  readonly text = null;

  constructor(call: string, errno: number) {
    super(`${call} failed with errno ${errno}`);
    this.call = call;
    this.errno = errno;
  }
}

function checked(call: string, result: number): number {
  if (result < 0) throw new SystemError(call, koffi.errno());
  return result;
}

export function socket(domain: number, type: number, protocol: number): number {
  return checked('socket', socketC(domain, type, protocol));
}

export function close(fd: number): void {
  checked('close', closeC(fd));
}

/** Puts the calling thread into the namespace of `fd`. */
export function setns(fd: number, type: number): void {
  checked('setns', setnsC(fd, type));
}

export function connect(fd: number, address: Uint8Array): void {
  checked('connect', connectC(fd, address, address.length));
}

export function setsockopt(fd: number, level: number, name: number, value: Uint8Array): void {
  checked('setsockopt', setsockoptC(fd, level, name, value, value.length));
}

/** Lets only datagrams into the socket that a classic BPF program accepts. @param instructions struct sock_filter, 8 bytes each */
export function attachFilter(fd: number, instructions: Uint8Array): void {
  const value = { len: instructions.length / 8, filter: instructions };
  checked('setsockopt', attachFilterC(fd, SOL_SOCKET, SO_ATTACH_FILTER, value, koffi.sizeof(program)));
}

/** An option that is an int. */
export function getsockopt(fd: number, level: number, name: number): number {
  const value = Buffer.alloc(4);
  const length = Buffer.from([4, 0, 0, 0]);
  checked('getsockopt', getsockoptC(fd, level, name, value, length));
  return value.readInt32LE(0);
}

/** Bytes sent. Begins again where a signal came in between (EINTR). @throws SystemError */
export function send(fd: number, bytes: Uint8Array): number {
  const sent = uninterrupted(() => sendC(fd, bytes, bytes.length, 0));
  if (sent < 0) throw new SystemError('send', -sent);
  return sent;
}

/** Sends a datagram, repeated like send, to an address (a struct sockaddr), or fails if there is no room for it now. @throws SystemError */
export function sendto(fd: number, bytes: Uint8Array, address: Uint8Array): void {
  const sent = uninterrupted(() => sendtoC(fd, bytes, bytes.length, MSG_DONTWAIT, address, address.length));
  if (sent < 0) throw new SystemError('sendto', -sent);
}

/**
 * Bytes of the next datagram, repeated like send; more than the buffer holds if the rest was lost. Undefined if there is no datagram:
 * listeners read until then, and creating an error takes longer than all their reading.
 * @throws SystemError
 */
export function recv(fd: number, buffer: Uint8Array): number | undefined {
  const length = uninterrupted(() => recvC(fd, buffer, buffer.length, MSG_DONTWAIT | MSG_TRUNC));
  if (length === -constants.errno.EAGAIN) return undefined;
  if (length < 0) throw new SystemError('recv', -length);
  return length;
}

/** @returns the result, or the negative errno */
function uninterrupted(call: () => number): number {
  for (;;) {
    const result = call();
    if (result >= 0) return result;
    const errno = koffi.errno();
    if (errno !== constants.errno.EINTR) return -errno;
  }
}
