import type { Logger } from 'pino';
import type { HostNic } from '../../core/api/types.ts';
import type { Runnable } from '../../kube/lifecycle.ts';
import { WorkQueue, type WorkQueueObserver } from '../../kube/workQueue.ts';
import type { MonitorEvent } from '../netlink/monitor.ts';
import type { Netlink } from '../netlink/netlink.ts';
import type { HostInterfaceWriter } from './hostInterfaceWriter.ts';
import { hostNic, nicLinks, vlanParent, type NicFilter } from './hostNics.ts';
import { readDevice } from './sysfs.ts';

export interface DiscoveryOptions {
  readonly netlink: Netlink;
  readonly writer: HostInterfaceWriter;
  readonly filter: NicFilter;
  readonly logger: Logger;
  readonly observer?: WorkQueueObserver;
}

/** Changes come in bursts (a link that comes up says a dozen things): looked at once, this long after the first, ms. */
const settleMs = 200;
/** What no event tells (a speed, a VF count) is seen at the latest after this, ms. */
const resyncMs = 5 * 60_000;

const theOnlyKey = 'host';

/** Keeps the node's HostInterface as its NICs are. */
export class Discovery implements Runnable {
  readonly name = 'discovery';
  readonly #options: DiscoveryOptions;
  readonly #queue: WorkQueue;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    const { logger, observer } = options;
    this.#queue = new WorkQueue({
      name: this.name,
      logger,
      handler: (_key, signal) => this.#reconcile(signal),
      ...(observer && { observer }),
    });
  }

  /** Have the NICs looked at again, soon. */
  trigger(): void {
    this.#queue.addAfter(theOnlyKey, settleMs);
  }

  /** Links, addresses and the default route make a difference here; other routes and rules do not. */
  onKernelEvent(event: MonitorEvent): void {
    if (event.type === 'rule' || event.type === 'neighbour') return;
    if (event.type === 'route' && !/^(0\.0\.0\.0|::)\/0$/.test(event.route.dst)) return;
    this.trigger();
  }

  start(signal: AbortSignal): Promise<void> {
    this.#queue.add(theOnlyKey);
    return this.#queue.start(signal);
  }

  async #reconcile(signal: AbortSignal): Promise<{ requeueAfterMs: number }> {
    await this.#options.writer.writeNics(await this.#nics(), signal);
    return { requeueAfterMs: resyncMs };
  }

  async #nics(): Promise<HostNic[]> {
    const { netlink, filter } = this.#options;
    const [links, addresses, routes] = await netlink.run(null, [
      { op: 'link.list' },
      { op: 'address.list' },
      { op: 'route.list', table: 254 },
    ]);
    return Promise.all(
      nicLinks({ links, addresses, routes }, filter).map(async link =>
        hostNic(link, addresses, await readDevice(link.name, vlanParent(link, links))),
      ),
    );
  }
}
