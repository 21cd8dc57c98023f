import * as fs from 'node:fs';
import { constants } from 'node:os';
import * as libc from './libc.ts';

const { ENOBUFS, EAGAIN } = constants.errno;
/** The kernel's dumps come in datagrams of up to 32 KiB. */
const receiveBufferSize = 64 * 1024;

/** The datagrams of a netlink socket, one after the other. */
export class Datagrams {
  readonly #fd: number;
  #buffer = Buffer.allocUnsafeSlow(receiveBufferSize);

  constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * The next one, valid until the next call, if it is there already; a longer one than there is room for grows the room and is lost.
   * @throws SystemError ENOBUFS where some were lost
   */
  next(): Buffer | undefined {
    const length = libc.recv(this.#fd, this.#buffer);
    return length === undefined ? undefined : this.#fitting(length);
  }

  /** As next(), of one that the kernel has made within the request. @throws SystemError EAGAIN where it has not */
  receive(): Buffer {
    const datagram = this.next();
    if (datagram === undefined) throw new libc.SystemError('recv', EAGAIN);
    return datagram;
  }

  /** The next one, once there is one; as receive(). The kernel fills the next part of a list as it hands one out. */
  async read(): Promise<Buffer> {
    const length = await pooled('read', done => {
      fs.read(this.#fd, this.#buffer, 0, this.#buffer.length, null, done);
    });
    // read(2) does not report truncation.
    return this.#fitting(length === this.#buffer.length ? length + 1 : length);
  }

  /** Sends requests that take the kernel long. @throws SystemError */
  async write(requests: Uint8Array): Promise<void> {
    await pooled('write', done => {
      fs.write(this.#fd, requests, 0, requests.length, null, done);
    });
  }

  #fitting(length: number): Buffer {
    if (length <= this.#buffer.length) return this.#buffer.subarray(0, length);
    this.#buffer = Buffer.allocUnsafeSlow(length * 2);
    throw new libc.SystemError('recv', ENOBUFS);
  }
}

type Done = (error: NodeJS.ErrnoException | null, count: number) => void;

/** Awaits what a function of node:fs does on a thread of the pool. @throws SystemError */
function pooled(call: string, start: (done: Done) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    start((error, count) => {
      if (error === null) resolve(count);
      else reject(new libc.SystemError(call, Math.abs(error.errno ?? 0)));
    });
  });
}
