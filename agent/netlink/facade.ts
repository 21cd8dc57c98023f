import { setImmediate } from 'node:timers/promises';
import { Limit } from '../../kube/process/limit.ts';
import { KeyedSerial } from '../base/serial.ts';
import type { PackableOp } from './changes.ts';
import { NetlinkEndedError, NetlinkError } from './errors.ts';
import type { MonitorGroup, Subscription } from './events.ts';
import { BatchFailure, type OnFailure } from './failure.ts';
import { type EventSink, Monitor } from './monitor.ts';
import type { Netlink, NetlinkBackend, RunOptions } from './netlink.ts';
import { threadPoolSize } from './threadPool.ts';
import type { NetnsPath, Op, Outcome, Result, ResultsOf } from './types.ts';

/**
 * How many batches run at a time. A deletion of links waits tens of milliseconds in the kernel until nothing refers to them (RCU), and
 * several can wait at once. One thread of libuv's pool, which has four by default, stays free for files.
 */
const sideBySide = Math.max(1, threadPoolSize(process.env.UV_THREADPOOL_SIZE) - 1);
/** Operations that travel to the kernel together: as many routes as one send has, a few milliseconds of its time. */
const pieceLength = 1024;

/** What every implementation of Netlink has in common: the ways to ask for a batch, and the order of batches. */
export abstract class NetlinkFacade implements Netlink {
  abstract readonly backend: NetlinkBackend;
  readonly #order = new KeyedSerial();
  readonly #limit = new Limit(sideBySide);
  readonly #running = new Set<Promise<unknown>>();
  readonly #monitors = new Set<Monitor>();
  #ended: Promise<void> | undefined;

  /** Executes a batch. Rejects with BatchFailure, NetlinkEndedError or the signal's reason. */
  protected abstract execute(
    netns: NetnsPath | null,
    ops: readonly Op[],
    onFailure: OnFailure,
    signal: AbortSignal | undefined,
  ): Promise<Result[]>;

  /** Begins to listen; resolves as `Listen` says. Rejects with BatchFailure, NetlinkError or NetlinkEndedError. */
  protected abstract listen(sink: EventSink): Promise<() => void>;

  /** Ends the rest once all batches have ended, which is when `idle` resolves; nothing listens any more. */
  protected abstract end(idle: Promise<unknown>): Promise<void>;

  async run<const Ops extends readonly Op[]>(
    netns: NetnsPath | null,
    ops: Ops,
    { signal }: RunOptions = {},
  ): Promise<ResultsOf<Ops>> {
    return (await this.#batch(netns, ops, 'stop', signal)) as ResultsOf<Ops>;
  }

  async one<const O extends Op>(netns: NetnsPath | null, op: O): Promise<ResultsOf<[O]>[0]> {
    const [result] = await this.run(netns, [op]);
    return result;
  }

  /** In pieces, so that the kernel works on one while the next is built, other batches need not wait for all, and few operations are in memory. */
  async runAll(netns: NetnsPath | null, ops: Iterable<PackableOp>, { signal }: RunOptions = {}): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    let sent: Promise<void> | undefined;
    const send = async (piece: readonly PackableOp[]): Promise<void> => {
      await sent;
      sent = this.#batch(netns, piece, 'continue', signal).then(results => {
        outcomes.push(...shifted(results as Outcome[], outcomes.length));
      });
      // Awaited below, but it may fail earlier, and an unhandled rejection would end the process.
      sent.catch(() => undefined);
    };
    try {
      let piece: PackableOp[] = [];
      for (const op of ops) {
        piece.push(op);
        if (piece.length < pieceLength) continue;
        await send(piece);
        piece = [];
        // For the kernel to begin before the next piece is made.
        await setImmediate();
      }
      if (piece.length > 0) await send(piece);
    } finally {
      await sent;
    }
    return outcomes;
  }

  async monitor(
    netns: NetnsPath | null,
    groups: readonly MonitorGroup[],
    options: Omit<Subscription, 'groups'> = {},
  ): Promise<Monitor> {
    if (this.#ended) throw closed();
    try {
      const monitor = await Monitor.start(netns, { groups, ...options }, async sink => {
        const stop = await this.listen(sink);
        return () => {
          this.#monitors.delete(monitor);
          stop();
        };
      });
      this.#monitors.add(monitor);
      return monitor;
    } catch (error) {
      throw told(error, netns);
    }
  }

  close(): Promise<void> {
    this.#ended ??= this.end(Promise.allSettled(this.#running));
    for (const monitor of this.#monitors) monitor.fail(closed());
    return this.#ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #batch(
    netns: NetnsPath | null,
    ops: readonly Op[],
    onFailure: OnFailure,
    signal: AbortSignal | undefined,
  ): Promise<Result[]> {
    if (this.#ended) throw closed();
    const batch = this.#order.run(netns ?? '', () =>
      this.#limit.run(() => {
        signal?.throwIfAborted();
        return this.execute(netns, ops, onFailure, signal);
      }),
    );
    this.#running.add(batch);
    try {
      return await batch;
    } catch (error) {
      throw told(error, netns);
    } finally {
      this.#running.delete(batch);
    }
  }
}

/** @param first how many operations went before the piece */
function shifted(outcomes: readonly Outcome[], first: number): Outcome[] {
  return outcomes.map(outcome =>
    outcome.done ? outcome : { done: false, failure: { ...outcome.failure, index: first + outcome.failure.index } },
  );
}

/** What callers get instead of a BatchFailure. */
function told(error: unknown, netns: NetnsPath | null): unknown {
  return error instanceof BatchFailure ? new NetlinkError(error.failure, netns) : error;
}

function closed(): NetlinkEndedError {
  return new NetlinkEndedError('the netlink layer has been closed');
}
