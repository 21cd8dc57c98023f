import { randomInt } from 'node:crypto';
import { constants } from 'node:os';
import { align, Writer } from './attributes.ts';
import { type Acknowledgement, eachMessage, type Message, parseAcknowledgement } from './codec.ts';
import { NLM_F, NLMSG } from './constants.ts';
import { Datagrams } from './datagrams.ts';
import { ErrnoError } from './errors.ts';
import * as libc from './libc.ts';
import { openSocket } from './openSocket.ts';

const { ENOBUFS, EINTR, EAGAIN, E2BIG } = constants.errno;
/** Requests of about this many bytes go to the kernel in one piece. */
export const sendSize = 60 * 1024;
/** The kernel counts an acknowledgement with about 1 KiB against the socket's receive buffer. */
const acknowledgementCost = 2048;
const dumpAttempts = 10;
/** A list of more than so many datagrams is read in turns with other work of the event loop. */
const datagramsAtOnce = 4;

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
  readonly #datagrams: Datagrams;
  /** Not to be guessed: others can send to the socket for a moment, before it is connected to the kernel. */
  #sequence = randomInt(2 ** 32);
  #closed = false;

  constructor(groups: readonly number[] = [], filter?: Uint8Array) {
    const { fd, receiveBuffer } = openSocket(groups, filter);
    this.fd = fd;
    this.maxInFlight = Math.max(1, Math.floor(receiveBuffer / acknowledgementCost));
    this.#datagrams = new Datagrams(fd);
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
    if (isLong) return this.#datagrams.write(requests).then(() => this.#readAcknowledgements(last, acknowledged));
    libc.send(this.fd, requests);
    this.#readAcknowledgements(last, acknowledged);
    return undefined;
  }

  /** @param last the request that is answered in any case, after all others */
  #readAcknowledgements(last: number, acknowledged: Acknowledged): void {
    for (let waiting = true; waiting;) {
      for (const message of eachMessage(this.#datagrams.receive())) {
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
      for (const message of eachMessage(this.#datagrams.receive())) {
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
   */
  async dump<Item>(
    write: (sequence: number) => Uint8Array,
    decode: (payload: Buffer) => Item | undefined,
  ): Promise<Item[]> {
    for (let attempt = 1; ; attempt += 1) {
      const { items, isWhole } = await this.read(write, decode);
      if (isWhole) return items;
      if (attempt === dumpAttempts) {
        throw new RefusedError({ errno: -EINTR, text: `the list changed during each of ${dumpAttempts} readings` });
      }
    }
  }

  /**
   * As dump(), but once: what came, and whether that is the list as it was at one moment.
   * @throws RefusedError E2BIG where there are more objects than `most`; the socket is of no use then
   */
  async read<Item>(
    write: (sequence: number) => Uint8Array,
    decode: (payload: Buffer) => Item | undefined,
    most = Infinity,
  ): Promise<{ items: Item[]; isWhole: boolean }> {
    const sequence = this.nextSequence();
    libc.send(this.fd, write(sequence));
    const items: Item[] = [];
    let isWhole = true;
    for (let count = 0; ; count += 1) {
      let datagram: Buffer;
      try {
        datagram = count < datagramsAtOnce ? this.#datagrams.receive() : await this.#datagrams.read();
      } catch (error) {
        if (!(error instanceof libc.SystemError) || error.errno !== ENOBUFS) throw error;
        isWhole = false;
        continue;
      }
      for (const message of eachMessage(datagram)) {
        if (message.sequence !== sequence) continue;
        if ((message.flags & NLM_F.DUMP_INTR) !== 0) isWhole = false;
        if (this.#isEnd(message)) return { items, isWhole };
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

  /** See Datagrams.next(). */
  next(): Buffer | undefined {
    return this.#datagrams.next();
  }
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
