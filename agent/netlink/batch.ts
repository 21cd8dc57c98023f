import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import type { Writer } from './attributes.ts';
import { isPackable, type PackableOp, writeChange } from './changes.ts';
import type { Acknowledgement } from './codec.ts';
import type { Context } from './context.ts';
import { BatchFailure, type OnFailure, settle, toFailure } from './failure.ts';
import { SystemError } from './libc.ts';
import { parseLink } from './link.ts';
import { writeLinkGet } from './linkRequests.ts';
import { type ListOp, runList } from './queries.ts';
import { type NetlinkSocket, RefusedError, sendSize } from './socket.ts';
import { runSysctl } from './sysctl.ts';
import { targetOf } from './target.ts';
import type { ChangeOp, LinkInfo, LinkRef, NetnsPath, Op, Outcome, Result } from './types.ts';

const done: Outcome = { done: true };
/** From this many bytes on, about a hundred routes, requests take the kernel long. */
const longSize = 8 * 1024;

export interface BatchOptions {
  readonly onFailure: OnFailure;
  /** Checked between pieces: the caller may no longer want the rest. */
  readonly signal: AbortSignal | undefined;
  /** Does some work with the calling thread in the batch's namespace. */
  readonly within: <T>(work: () => T) => T;
}

/**
 * Executes operations in order over one socket and thus in one namespace. Changes of links go to the kernel one by one;
 * runs of other changes are packed. Throws the signal's reason, and BatchFailure if the socket itself fails, or at the first failure that
 * is not to be ignored.
 */
export class Batch implements Context, Disposable {
  readonly #socket: NetlinkSocket;
  readonly #ops: readonly Op[];
  readonly #options: BatchOptions;
  readonly #results: Result[];
  readonly #packed: Writer;
  readonly #single: Writer;
  /** Sequence number → index of the operation, of the requests in #packed. */
  #waiting = new Map<number, number>();
  readonly #indexes = new Map<string, number>();
  readonly #namespaces = new Map<string, number>();

  constructor(socket: NetlinkSocket, ops: readonly Op[], options: BatchOptions) {
    this.#socket = socket;
    this.#packed = socket.packed;
    this.#single = socket.single;
    this.#ops = ops;
    this.#options = options;
    this.#results = ops.map(() => done);
  }

  [Symbol.dispose](): void {
    for (const fd of this.#namespaces.values()) closeSync(fd);
    this.#namespaces.clear();
  }

  async run(): Promise<Result[]> {
    for (const [index, op] of this.#ops.entries()) {
      try {
        // Most pieces of tens of thousands of routes need no turn of the event loop.
        const pending = this.#step(index, op);
        if (pending) await pending;
      } catch (error) {
        if (error instanceof BatchFailure || this.#options.signal?.aborted === true) throw error;
        // What was packed before the failure has to be done, and may have failed before it.
        await this.#flush();
        this.#settle(error, index, op);
      }
    }
    await this.#flush();
    return this.#results;
  }

  /** The index of a link, asked once a batch unless links have changed since. */
  linkIndex(link: LinkRef): number {
    if (typeof link === 'number') return link;
    const known = this.#indexes.get(link);
    if (known !== undefined) return known;
    const { index } = this.#getLink(link);
    this.#indexes.set(link, index);
    return index;
  }

  namespaceFd(path: NetnsPath): number {
    const known = this.#namespaces.get(path);
    if (known !== undefined) return known;
    const fd = openSync(path, 'r');
    this.#namespaces.set(path, fd);
    return fd;
  }

  #step(index: number, op: Op): Promise<void> | undefined {
    if (!isPackable(op)) return this.#alone(index, op);
    this.#pack(index, op);
    return this.#isFull() ? this.#flush() : undefined;
  }

  async #alone(index: number, op: Exclude<Op, PackableOp>): Promise<void> {
    await this.#flush();
    switch (op.op) {
      case 'link.get':
        this.#results[index] = this.#getLink(op.dev);
        break;
      case 'link.list':
      case 'address.list':
      case 'route.list':
      case 'rule.list':
        this.#results[index] = await this.#list(op);
        break;
      case 'sysctl.get':
      case 'sysctl.set':
        this.#results[index] = this.#options.within(() => runSysctl(op));
        break;
      case 'link.add':
      case 'link.set':
      case 'link.del':
      case 'link.delGroup':
      case 'altname.add':
      case 'altname.del':
        this.#pack(index, op);
        await this.#flush(waits(op));
        this.#indexes.clear();
    }
  }

  #getLink(link: LinkRef): LinkInfo {
    const sequence = this.#socket.nextSequence();
    this.#single.truncate(0);
    writeLinkGet(this.#single, sequence, link);
    return parseLink(this.#socket.get(this.#single.bytes(), sequence));
  }

  async #list(op: ListOp): Promise<Result> {
    try {
      return await runList(this.#socket, this.#single, op, this);
    } catch (error) {
      // With a filter the kernel says ENOENT where a routing table has never had a route.
      const noTable = op.op === 'route.list' && op.table !== undefined && error instanceof RefusedError;
      if (noTable && error.acknowledgement.errno === -constants.errno.ENOENT) return [];
      throw error;
    }
  }

  #pack(index: number, op: ChangeOp): void {
    const start = this.#packed.length;
    const sequence = this.#socket.nextSequence();
    try {
      writeChange(this.#packed, sequence, op, this);
    } catch (error) {
      this.#packed.truncate(start);
      throw error;
    }
    this.#waiting.set(sequence, index);
  }

  #isFull(): boolean {
    return this.#packed.length >= sendSize || this.#waiting.size >= this.#socket.maxInFlight;
  }

  /**
   * Sends what is packed, and settles every acknowledgement before the first failure ends the batch.
   * @param isLong whether the kernel takes long, for other reasons than the amount
   */
  async #flush(isLong = false): Promise<void> {
    const waiting = this.#waiting;
    if (waiting.size === 0) return;
    this.#options.signal?.throwIfAborted();
    this.#waiting = new Map();
    const failed: [index: number, acknowledgement: Acknowledgement][] = [];
    try {
      const exchange = this.#socket.exchange(
        this.#packed.bytes(),
        isLong || this.#packed.length >= longSize,
        (sequence, acknowledgement) => {
          const index = waiting.get(sequence);
          if (index !== undefined && acknowledgement.errno !== 0) failed.push([index, acknowledgement]);
        },
      );
      if (exchange) await exchange;
    } finally {
      this.#packed.truncate(0);
    }
    for (const [index, acknowledgement] of failed) {
      const op = this.#ops[index];
      if (op) this.#settle(new RefusedError(acknowledgement), index, op);
    }
  }

  #settle(error: unknown, index: number, op: Op): void {
    const failure = toFailure(error, index, op.op, targetOf(op));
    if (error instanceof SystemError) throw new BatchFailure(failure, { cause: error });
    this.#results[index] = settle(failure, op, this.#options.onFailure);
  }
}

/**
 * Whether the kernel waits tens of milliseconds before it answers: until nothing refers any more (RCU) to a link that is deleted, leaves its
 * namespace or goes down.
 */
function waits(op: Op): boolean {
  if (op.op === 'link.set') return op.netns !== undefined || op.up === false;
  return op.op === 'link.del' || op.op === 'link.delGroup';
}
