import type { PackableOp } from './changes.ts';
import type { MonitorGroup, Subscription } from './events.ts';
import type { Monitor } from './monitor.ts';
import type { Netlink, NetlinkBackend, RunOptions } from './netlink.ts';
import type { NetnsPath, Op, Outcome, Result, ResultsOf } from './types.ts';

/** What every implementation of Netlink has in common: the ways to ask for a batch. */
export abstract class NetlinkFacade implements Netlink {
  abstract readonly backend: NetlinkBackend;
  abstract runAll(netns: NetnsPath | null, ops: Iterable<PackableOp>, options?: RunOptions): Promise<Outcome[]>;
  abstract monitor(
    netns: NetnsPath | null,
    groups: readonly MonitorGroup[],
    options?: Omit<Subscription, 'groups'>,
  ): Promise<Monitor>;
  abstract close(): Promise<void>;

  /** Executes a batch after those asked for before. Rejects with NetlinkError, NetlinkWorkerError or the signal's reason. */
  protected abstract execute(
    netns: NetnsPath | null,
    ops: readonly Op[],
    signal: AbortSignal | undefined,
  ): Promise<Result[]>;

  async run<const Ops extends readonly Op[]>(
    netns: NetnsPath | null,
    ops: Ops,
    { signal }: RunOptions = {},
  ): Promise<ResultsOf<Ops>> {
    signal?.throwIfAborted();
    return (await this.execute(netns, ops, signal)) as ResultsOf<Ops>;
  }

  async one<const O extends Op>(netns: NetnsPath | null, op: O, options: RunOptions = {}): Promise<ResultsOf<[O]>[0]> {
    const [result] = await this.run(netns, [op], options);
    return result;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
