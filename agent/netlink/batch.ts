import { constants } from 'node:os';
import { closeSync, openSync } from 'node:fs';
import { Writer } from './attributes.ts';
import { isList, isPackable, writeChange } from './changes.ts';
import type { Acknowledgement } from './codec.ts';
import type { Context } from './context.ts';
import { BatchFailure, settle, toFailure } from './failure.ts';
import { SystemError } from './libc.ts';
import { parseLink } from './link.ts';
import { writeLinkGet } from './link-requests.ts';
import { runList, type ListOp } from './queries.ts';
import { RefusedError, sendSize, type NetlinkSocket } from './socket.ts';
import { runSysctl } from './sysctl.ts';
import { targetOf } from './target.ts';
import type { ChangeOp, LinkInfo, LinkRef, NetnsPath, Op, Outcome, Result } from './types.ts';

const done: Outcome = { done: true };

export interface BatchOptions {
  /** Asked between pieces: whether the caller does not want the rest any more. */
  readonly cancelled: () => boolean;
  /** Does some work with the calling thread in the batch's namespace. */
  readonly within: <T>(work: () => T) => T;
}

/** Thrown where `cancelled` said so. */
export class BatchCancelled extends Error {
  override readonly name = 'BatchCancelled';
}

/**
 * Executes operations in order over one socket and thus in one namespace. Changes of links go to the kernel one by one;
 * runs of other changes are packed. Throws BatchFailure at the first failure that nothing says to ignore.
 */
export class Batch implements Context, Disposable {
  readonly #socket: NetlinkSocket;
  readonly #ops: readonly Op[];
  readonly #options: BatchOptions;
  readonly #results: Result[] = [];
  readonly #packed = new Writer();
  readonly #single = new Writer();
  /** Sequence number → index of the operation, of the requests in #packed. */
  readonly #waiting = new Map<number, number>();
  readonly #indexes = new Map<string, number>();
  readonly #namespaces = new Map<string, number>();

  constructor(socket: NetlinkSocket, ops: readonly Op[], options: BatchOptions) {
    this.#socket = socket;
    this.#ops = ops;
    this.#options = options;
  }

  [Symbol.dispose](): void {
    for (const fd of this.#namespaces.values()) closeSync(fd);
    this.#namespaces.clear();
  }

  run(): Result[] {
    for (const [index, op] of this.#ops.entries()) {
      try {
        this.#results[index] = this.#step(index, op);
      } catch (error) {
        if (error instanceof BatchCancelled || error instanceof BatchFailure) throw error;
        // What was packed before the failure has to be done, and may have failed before it.
        this.#flush();
        const failure = toFailure(error, index, op.op, targetOf(op));
        // Where the socket itself fails nothing more can be done.
        if (error instanceof SystemError) throw new BatchFailure(failure, { cause: error });
        this.#results[index] = settle(failure, op);
      }
    }
    this.#flush();
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

  #step(index: number, op: Op): Result {
    if (isPackable(op)) {
      this.#pack(index, op);
      return done;
    }
    this.#flush();
    if (isList(op)) return this.#list(op);
    switch (op.op) {
      case 'link.get':
        return this.#getLink(op.dev);
      case 'sysctl.get':
      case 'sysctl.set':
        return this.#options.within(() => runSysctl(op));
      case 'link.add':
      case 'link.set':
      case 'link.del':
      case 'link.delGroup':
      case 'altname.add':
      case 'altname.del':
        this.#pack(index, op);
        this.#flush();
        this.#indexes.clear();
        return this.#results[index] ?? done;
    }
  }

  #getLink(link: LinkRef): LinkInfo {
    return parseLink(this.#ask((writer, sequence) => writeLinkGet(writer, sequence, link)));
  }

  #ask(write: (writer: Writer, sequence: number) => void): Buffer {
    const sequence = this.#socket.nextSequence();
    this.#single.truncate(0);
    write(this.#single, sequence);
    return this.#socket.get(this.#single.bytes(), sequence);
  }

  #list(op: ListOp): Result {
    try {
      return runList(this.#socket, this.#single, op, this);
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
    if (this.#packed.length >= sendSize || this.#waiting.size >= this.#socket.maxInFlight) this.#flush();
  }

  /** Sends what is packed and settles every acknowledgement before the first failure ends the batch. */
  #flush(): void {
    if (this.#waiting.size === 0) return;
    if (this.#options.cancelled()) throw new BatchCancelled();
    const waiting = new Map(this.#waiting);
    this.#waiting.clear();
    const failed: [index: number, acknowledgement: Acknowledgement][] = [];
    try {
      this.#socket.exchange(this.#packed.bytes(), (sequence, acknowledgement) => {
        const index = waiting.get(sequence);
        if (index !== undefined && acknowledgement.errno !== 0) failed.push([index, acknowledgement]);
      });
    } finally {
      this.#packed.truncate(0);
    }
    for (const [index, acknowledgement] of failed) {
      const op = this.#ops[index];
      if (op === undefined) continue;
      const failure = toFailure(new RefusedError(acknowledgement), index, op.op, targetOf(op));
      this.#results[index] = settle(failure, op);
    }
  }
}
