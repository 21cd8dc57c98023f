import type { PackableOp } from '../changes.ts';
import { NetlinkError, NetlinkWorkerError } from '../errors.ts';
import type { MonitorGroup } from '../events.ts';
import { NetlinkFacade } from '../facade.ts';
import { BatchFailure } from '../failure.ts';
import { Monitor } from '../monitor.ts';
import type { RunOptions } from '../netlink.ts';
import type { NetnsPath, Op, Outcome, Result } from '../types.ts';
import { IpBatch, type OnFailure } from './batch.ts';
import { IpMonitors } from './monitors.ts';
import { Namespaces } from './namespaces.ts';

/** A program cannot be interrupted inside the kernel; after so long it is ended anyway. */
const stopTimeoutMs = 15_000;

/**
 * Netlink by way of iproute2, for where koffi has no build. Needs the programs ip, nsenter and setpriv. What it cannot do: tell
 * events apart (each is a `resync`), and tell the errno of every refusal that the kernel explains in words.
 */
export class IpNetlink extends NetlinkFacade {
  readonly backend = 'ip';
  readonly #monitors = new IpMonitors();
  readonly #ended = new AbortController();
  #tail: Promise<unknown> = Promise.resolve();
  #closed = false;

  runAll(netns: NetnsPath | null, ops: Iterable<PackableOp>, { signal }: RunOptions = {}): Promise<Outcome[]> {
    return this.#next(netns, [...ops], 'continue', signal) as Promise<Outcome[]>;
  }

  /** Every event is a `resync`, so none can be left out. */
  monitor(netns: NetnsPath | null, groups: readonly MonitorGroup[]): Promise<Monitor> {
    return this.#closed ? Promise.reject(closed()) : Monitor.start(this.#monitors, netns, { groups });
  }

  async close(): Promise<void> {
    this.#closed = true;
    const monitors = this.#monitors.close();
    const timer = setTimeout(() => {
      this.#ended.abort(closed());
    }, stopTimeoutMs);
    await Promise.all([this.#tail, monitors]);
    clearTimeout(timer);
  }

  protected execute(netns: NetnsPath | null, ops: readonly Op[], signal: AbortSignal | undefined): Promise<Result[]> {
    return this.#next(netns, ops, 'stop', signal);
  }

  #next(
    netns: NetnsPath | null,
    ops: readonly Op[],
    onFailure: OnFailure,
    signal: AbortSignal | undefined,
  ): Promise<Result[]> {
    if (this.#closed) return Promise.reject(closed());
    const until = signal === undefined ? this.#ended.signal : AbortSignal.any([signal, this.#ended.signal]);
    const result = this.#tail.then(() => runBatch(netns, ops, onFailure, until));
    // The next batch does not care what became of this one; its caller does.
    this.#tail = result.catch(() => undefined);
    return result;
  }
}

async function runBatch(
  netns: NetnsPath | null,
  ops: readonly Op[],
  onFailure: OnFailure,
  signal: AbortSignal,
): Promise<Result[]> {
  signal.throwIfAborted();
  try {
    using namespaces = new Namespaces(netns);
    return await new IpBatch({ namespaces, signal }, ops, onFailure).run();
  } catch (error) {
    if (error instanceof BatchFailure) throw new NetlinkError(error.failure, netns);
    throw error;
  }
}

function closed(): NetlinkWorkerError {
  return new NetlinkWorkerError('the netlink layer has been closed');
}
