import * as fs from 'node:fs';
import { constants } from 'node:os';
import { align, Writer } from './attributes.ts';
import { type Acknowledgement, eachMessage, type Message, parseAcknowledgement } from './codec.ts';
import { NLM_F, NLMSG } from './constants.ts';
import { ErrnoError } from './errors.ts';
import * as libc from './libc.ts';

const { ENOBUFS, EINTR, EAGAIN, E2BIG } = constants.errno;
/** Requests of about this many bytes go to the kernel in one piece. */
export const sendSize = 60 * 1024;
/** The kernel's dumps come in datagrams of up to 32 KiB, more only for a link with very many virtual functions. */
const receiveBufferSize = 64 * 1024;
/** The kernel counts an acknowledgement with about 1 KiB against the socket's receive buffer. */
const acknowledgementCost = 2048;
const wantedReceiveBuffer = 4 * 1024 * 1024;
/** The kernel answers within the request itself, and each part of a list within the reading of it; waiting longer means that an answer got lost. */
const answerTimeoutSeconds = 10;
const dumpAttempts = 10;
/** A list of more than so many datagrams is read in turns with other work of the event loop. */
const datagramsAtOnce = 4;
const sockaddrSize = 12;

type Acknowledged = (sequence: number, acknowledgement: Acknowledgement) => void;

/** A request that the kernel refused: its (negative) errno and text. */
export class RefusedError extends ErrnoError {
  override readonly name = 'RefusedError';
  readonly acknowledgement: Acknowledgement;

  constructor(acknowledgement: Acknowledgement) {
    super(acknowledgement.text ?? `errno ${acknowledgement.errno}`);
    this.acknowledgement = acknowledgement;
  }

  get errno(): number {
    return -this.acknowledgement.errno;
  }

  get text(): string | null {
    return this.acknowledgement.text;
  }
}

/**
 * One NETLINK_ROUTE socket. It belongs to the network namespace in which the calling thread was when it was made, and
 * stays there, whichever thread uses it. The kernel does what it is asked within the call, mostly in microseconds; what takes long runs on
 * a thread of libuv's pool, where only the caller of the method waits for it. One method at a time.
 */
export class NetlinkSocket implements Disposable {
  readonly fd: number;
  /** How many requests may await their acknowledgement without any being dropped. */
  readonly maxInFlight: number;
  /** Where its user writes requests that go out together, and one that goes alone meanwhile: allocating one takes as long as a route. */
  readonly packed = new Writer();
  readonly single = new Writer();
  #buffer = Buffer.allocUnsafeSlow(receiveBufferSize);
  #sequence = 0;
  #closed = false;

  /** Joins the multicast `groups` (RTNLGRP_*), with a filter (see filter.ts) where there is one. Throws SystemError. */
  constructor(groups: readonly number[] = [], filter?: Uint8Array) {
    this.fd = libc.socket(libc.AF_NETLINK, libc.SOCK_RAW_CLOEXEC, libc.NETLINK_ROUTE);
    try {
      this.#enlargeReceiveBuffer();
      const timeout = Buffer.alloc(16);
      timeout.writeBigInt64LE(BigInt(answerTimeoutSeconds), 0);
      libc.setsockopt(this.fd, libc.SOL_SOCKET, libc.SO_RCVTIMEO, timeout);
      this.#setIfKnown(libc.NETLINK_CAP_ACK);
      this.#setIfKnown(libc.NETLINK_EXT_ACK);
      this.#setIfKnown(libc.NETLINK_GET_STRICT_CHK);
      const address = Buffer.alloc(sockaddrSize);
      address.writeUInt16LE(libc.AF_NETLINK, 0);
      libc.bind(this.fd, address);
      // To the kernel: from then on nobody else can send to it. In the namespace of a pod, one with CAP_NET_ADMIN could else answer in the kernel's place.
      libc.connect(this.fd, address);
      if (filter) libc.attachFilter(this.fd, filter);
      for (const group of groups) {
        libc.setsockopt(this.fd, libc.SOL_NETLINK, libc.NETLINK_ADD_MEMBERSHIP, uint32(group));
      }
      this.maxInFlight = Math.max(
        1,
        Math.floor(libc.getsockopt(this.fd, libc.SOL_SOCKET, libc.SO_RCVBUF) / acknowledgementCost),
      );
    } catch (error) {
      libc.close(this.fd);
      throw error;
    }
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    libc.close(this.fd);
  }

  /** A number for the next request; never 0, which the kernel uses for events. */
  nextSequence(): number {
    this.#sequence = this.#sequence === 0xffffffff ? 1 : this.#sequence + 1;
    return this.#sequence;
  }

  /**
   * Sends requests, which are executed in order, and hands the kernel's answers to `acknowledged`: one for each request that it refuses,
   * which does not keep it from the ones after it, and one for the last. For the others, no answer means success: refusals are also sent to those
   * who do not ask for acknowledgements (netlink_rcv_skb), and reading one for each would cost half as much as the requests themselves.
   * @param requests whole messages; their flags are changed
   * @param isLong whether the kernel takes long to execute them, so that this thread should not wait for it
   * @returns nothing where all is answered already
   */
  exchange(requests: Buffer, isLong: boolean, acknowledged: Acknowledged): Promise<void> | undefined {
    const last = askOnce(requests);
    if (isLong) return this.#write(requests).then(() => this.#readAcknowledgements(last, acknowledged));
    libc.send(this.fd, requests);
    this.#readAcknowledgements(last, acknowledged);
    return undefined;
  }

  /** @param last the request that is answered in any case, after all others */
  #readAcknowledgements(last: number, acknowledged: Acknowledged): void {
    for (let waiting = true; waiting;) {
      for (const message of eachMessage(this.receive())) {
        if (message.type !== NLMSG.ERROR) continue;
        acknowledged(message.sequence, parseAcknowledgement(message));
        if (message.sequence === last) waiting = false;
      }
    }
  }

  /** Sends one request for one object and returns the answer's payload, valid until the next call. Throws RefusedError. */
  get(request: Uint8Array, sequence: number): Buffer {
    libc.send(this.fd, request);
    let answer: Buffer | undefined;
    for (;;) {
      for (const message of eachMessage(this.receive())) {
        if (message.sequence !== sequence) continue;
        if (message.type !== NLMSG.ERROR) answer = Buffer.from(message.payload);
        else {
          const acknowledgement = parseAcknowledgement(message);
          if (acknowledgement.errno !== 0) throw new RefusedError(acknowledgement);
          if (answer === undefined) throw new RefusedError({ errno: -EAGAIN, text: 'acknowledged without an answer' });
          return answer;
        }
      }
    }
  }

  /**
   * Sends a dump request and returns what `decode` makes of each object (undefined: leave it out). Repeats the dump
   * where the kernel says that it changed meanwhile (NLM_F_DUMP_INTR), or dropped a part of it. `write` writes the request
   * with the sequence number that it is given.
   * @throws RefusedError E2BIG where there are more objects than `most`; the socket is of no use then
   */
  async dump<Item>(
    write: (sequence: number) => Uint8Array,
    decode: (payload: Buffer) => Item | undefined,
    most = Infinity,
  ): Promise<Item[]> {
    for (let attempt = 1; ; attempt += 1) {
      const items = await this.#dumpOnce(write, decode, most);
      if (items !== undefined) return items;
      if (attempt === dumpAttempts) {
        throw new RefusedError({ errno: -EINTR, text: `the list changed during each of ${dumpAttempts} readings` });
      }
    }
  }

  /** Undefined where the dump was interrupted. */
  async #dumpOnce<Item>(
    write: (sequence: number) => Uint8Array,
    decode: (payload: Buffer) => Item | undefined,
    most: number,
  ): Promise<Item[] | undefined> {
    const sequence = this.nextSequence();
    libc.send(this.fd, write(sequence));
    const items: Item[] = [];
    let consistent = true;
    for (let count = 0; ; count += 1) {
      let datagram: Buffer;
      try {
        datagram = count < datagramsAtOnce ? this.receive() : await this.#read();
      } catch (error) {
        if (!(error instanceof libc.SystemError) || error.errno !== ENOBUFS) throw error;
        consistent = false;
        continue;
      }
      for (const message of eachMessage(datagram)) {
        if (message.sequence !== sequence) continue;
        if ((message.flags & NLM_F.DUMP_INTR) !== 0) consistent = false;
        if (this.#isEnd(message)) return consistent ? items : undefined;
        const item = decode(message.payload);
        if (item !== undefined) items.push(item);
      }
      if (items.length > most) throw new RefusedError({ errno: -E2BIG, text: `there are more than ${most}` });
    }
  }

  #isEnd(message: Message): boolean {
    if (message.type !== NLMSG.DONE && message.type !== NLMSG.ERROR) return false;
    const acknowledgement = parseAcknowledgement(message);
    if (acknowledgement.errno !== 0) throw new RefusedError(acknowledgement);
    return true;
  }

  /**
   * The next datagram, valid until the next call, if it is there already; a longer one than there is room for grows the room and is lost.
   * @throws SystemError ENOBUFS where some were lost
   */
  next(): Buffer | undefined {
    const length = libc.recv(this.fd, this.#buffer);
    return length === undefined ? undefined : this.#fitting(length);
  }

  /** As next(), of one that the kernel has made within the request. @throws SystemError EAGAIN where it has not */
  receive(): Buffer {
    const datagram = this.next();
    if (datagram === undefined) throw new libc.SystemError('recv', EAGAIN);
    return datagram;
  }

  /** The next datagram, once there is one; as receive(). The kernel fills the next part of a list as it hands one out. */
  async #read(): Promise<Buffer> {
    const length = await pooled('read', done => {
      fs.read(this.fd, this.#buffer, 0, this.#buffer.length, null, done);
    });
    // read(2) does not report truncation.
    return this.#fitting(length === this.#buffer.length ? length + 1 : length);
  }

  #fitting(length: number): Buffer {
    if (length <= this.#buffer.length) return this.#buffer.subarray(0, length);
    this.#buffer = Buffer.allocUnsafeSlow(length * 2);
    throw new libc.SystemError('recv', ENOBUFS);
  }

  async #write(requests: Uint8Array): Promise<void> {
    await pooled('write', done => {
      fs.write(this.fd, requests, 0, requests.length, null, done);
    });
  }

  /** Beyond net.core.rmem_max if that is allowed (CAP_NET_ADMIN), otherwise up to it. */
  #enlargeReceiveBuffer(): void {
    const size = uint32(wantedReceiveBuffer);
    try {
      libc.setsockopt(this.fd, libc.SOL_SOCKET, libc.SO_RCVBUFFORCE, size);
    } catch {
      libc.setsockopt(this.fd, libc.SOL_SOCKET, libc.SO_RCVBUF, size);
    }
  }

  /** Kernels older than the option answer ENOPROTOOPT, and work without it. */
  #setIfKnown(option: number): void {
    try {
      libc.setsockopt(this.fd, libc.SOL_NETLINK, option, uint32(1));
    } catch (error) {
      if (!(error instanceof libc.SystemError) || error.errno !== constants.errno.ENOPROTOOPT) throw error;
    }
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

/** Makes only the last request ask for an acknowledgement; returns its sequence number. */
function askOnce(requests: Buffer): number {
  for (let at = 0; ;) {
    const next = at + align(requests.readUInt32LE(at));
    if (next >= requests.length) return requests.readUInt32LE(at + 8);
    requests.writeUInt16LE(requests.readUInt16LE(at + 6) & ~NLM_F.ACK, at + 6);
    at = next;
  }
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
