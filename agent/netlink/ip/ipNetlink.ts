import { NetlinkEndedError } from '../errors.ts';
import { NetlinkFacade } from '../facade.ts';
import type { OnFailure } from '../failure.ts';
import type { EventSink } from '../monitor.ts';
import type { NetnsPath, Op, Result } from '../types.ts';
import { IpBatch } from './batch.ts';
import { IpMonitors } from './monitors.ts';
import { Namespaces } from './namespaces.ts';

/** A program cannot be interrupted inside the kernel; after this time it is killed anyway. */
const stopTimeoutMs = 15_000;

/**
 * Netlink by way of iproute2, for where koffi has no build. Needs the programs ip, nsenter and setpriv. What it cannot do: tell
 * events apart (each is a `resync`, so none can be left out), and find the errno of every refusal that the kernel explains in words.
 */
export class IpNetlink extends NetlinkFacade {
  readonly backend = 'ip';
  readonly #monitors = new IpMonitors();
  readonly #ended = new AbortController();

  protected async execute(
    netns: NetnsPath | null,
    ops: readonly Op[],
    onFailure: OnFailure,
    signal: AbortSignal | undefined,
  ): Promise<Result[]> {
    const until = signal === undefined ? this.#ended.signal : AbortSignal.any([signal, this.#ended.signal]);
    using namespaces = new Namespaces(netns);
    return await new IpBatch({ namespaces, signal: until }, ops, onFailure).run();
  }

  protected listen(sink: EventSink): Promise<() => void> {
    return this.#monitors.listen(sink);
  }

  protected async end(idle: Promise<unknown>): Promise<void> {
    const timer = setTimeout(() => {
      this.#ended.abort(new NetlinkEndedError('the netlink layer has been closed'));
    }, stopTimeoutMs);
    try {
      await Promise.all([idle, this.#monitors.ended()]);
    } finally {
      clearTimeout(timer);
    }
  }
}
