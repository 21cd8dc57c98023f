import type { MonitorGroup } from './events.ts';
import type { OnFailure } from './failure.ts';
import type { Monitor } from './monitor.ts';
import type { ChangeLike, Netlink, NetlinkBackend, RunOptions } from './netlink.ts';
import type { NetnsPath, Op, Outcome, Result, ResultsOf } from './types.ts';

/** What every implementation of Netlink has in common: the ways to ask for a batch. */
export abstract class NetlinkFacade implements Netlink {
  abstract readonly backend: NetlinkBackend;
  abstract monitor(netns: NetnsPath | null, groups: readonly MonitorGroup[]): Promise<Monitor>;
  abstract close(): Promise<void>;

  /** Executes a batch after those asked for before. Rejects with NetlinkError, NetlinkWorkerError or the signal's reason. */
  protected abstract execute(
    netns: NetnsPath | null,
    ops: readonly Op[],
    onFailure: OnFailure,
    signal: AbortSignal | undefined,
  ): Promise<Result[]>;

  run<const Ops extends readonly Op[]>(
    netns: NetnsPath | null,
    ops: Ops,
    options: RunOptions = {},
  ): Promise<ResultsOf<Ops>> {
    return this.#begin(netns, ops, 'stop', options) as Promise<ResultsOf<Ops>>;
  }

  async one<const O extends Op>(netns: NetnsPath | null, op: O, options: RunOptions = {}): Promise<ResultsOf<[O]>[0]> {
    const [result] = await this.run(netns, [op], options);
    return result;
  }

  runAll<const Ops extends readonly ChangeLike[]>(
    netns: NetnsPath | null,
    ops: Ops,
    options: RunOptions = {},
  ): Promise<Outcome[]> {
    return this.#begin(netns, ops, 'continue', options) as Promise<Outcome[]>;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #begin(
    netns: NetnsPath | null,
    ops: readonly Op[],
    onFailure: OnFailure,
    { signal }: RunOptions,
  ): Promise<Result[]> {
    signal?.throwIfAborted();
    return await this.execute(netns, ops, onFailure, signal);
  }
}
