import type { Logger } from 'pino';
import { whenAborted } from '../kube/api/whenAborted.ts';
import type { Runnable } from '../kube/process/lifecycle.ts';
import { ownProtocol } from './base/ownership.ts';
import type { MonitorEvent, MonitorGroup } from './netlink/monitor.ts';
import type { Netlink } from './netlink/netlink.ts';

const groups: readonly MonitorGroup[] = [
  'link',
  'ipv4-address',
  'ipv6-address',
  'ipv4-route',
  'ipv6-route',
  'ipv4-rule',
  'ipv6-rule',
];

/** Receives every change in the host's network, except routes that this agent adds, and passes it on. */
export class KernelEvents implements Runnable {
  readonly name = 'kernel events';
  readonly #netlink: Netlink;
  readonly #logger: Logger;
  readonly #listeners: ((event: MonitorEvent) => void)[] = [];
  readonly #started = Promise.withResolvers<void>();

  constructor(netlink: Netlink, logger: Logger) {
    this.#netlink = netlink;
    this.#logger = logger;
  }

  /** Called for each event, from the start on; it should only note that something is to be looked at. */
  addListener(listener: (event: MonitorEvent) => void): void {
    this.#listeners.push(listener);
  }

  ready(): Promise<void> {
    return this.#started.promise;
  }

  async start(signal: AbortSignal): Promise<void> {
    await using monitor = await this.#netlink.monitor(null, groups, { exceptNewRoutesOf: ownProtocol });
    using _ = whenAborted(signal, () => {
      monitor.stop();
    });
    this.#started.resolve();
    for await (const event of monitor) {
      // Every event comes as 'change' if koffi does not load.
      if (event.type === 'resync' && event.reason !== 'change')
        this.#logger.info({ reason: event.reason }, 'kernel events were lost; looking at everything');
      for (const listener of this.#listeners) listener(event);
    }
  }
}
