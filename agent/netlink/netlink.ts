import type { PackableOp } from './changes.ts';
import type { MonitorGroup, Subscription } from './events.ts';
import type { Monitor } from './monitor.ts';
import type { NetnsPath, Op, Outcome, ResultsOf } from './types.ts';

export { NetlinkError, NetlinkEndedError } from './errors.ts';
export type * from './types.ts';

/** How the kernel is reached: raw netlink through koffi, or iproute2's program `ip`. */
export type NetlinkBackend = 'koffi' | 'ip';

export interface RunOptions {
  /** Stops the batch before its next piece; the promise then rejects with the signal's reason once nothing more happens. */
  readonly signal?: AbortSignal;
}

/**
 * The kernel's network configuration (rtnetlink(7)) in any network namespace. Batches of one namespace are executed in the order of
 * the calls, those of several side by side.
 * `openNetlink` makes one.
 */
export interface Netlink extends AsyncDisposable {
  readonly backend: NetlinkBackend;

  /**
   * Executes the operations in order in one namespace (a path; null is the process's own) and returns their results in
   * the same order. Stops at the first failure whose name is not in the operation's `ignore` with a NetlinkError, which
   * tells which operation it was; what came before stays done.
   */
  run<const Ops extends readonly Op[]>(
    netns: NetnsPath | null,
    ops: Ops,
    options?: RunOptions,
  ): Promise<ResultsOf<Ops>>;

  /** One operation: `run` with the result alone. */
  one<const O extends Op>(netns: NetnsPath | null, op: O): Promise<ResultsOf<[O]>[0]>;

  /**
   * Executes all changes although some may fail, and returns what became of each: for route tables, where one bad next hop
   * must not keep the other routes away. Links are given by index. Throws only where the namespace or what speaks to the kernel
   * fails.
   */
  runAll(netns: NetnsPath | null, ops: Iterable<PackableOp>, options?: RunOptions): Promise<Outcome[]>;

  /** Listens to the kernel's events in a namespace. */
  monitor(
    netns: NetnsPath | null,
    groups: readonly MonitorGroup[],
    options?: Omit<Subscription, 'groups'>,
  ): Promise<Monitor>;

  /** Lets running batches finish, and ends the monitors and what executes batches. */
  close(): Promise<void>;
}
