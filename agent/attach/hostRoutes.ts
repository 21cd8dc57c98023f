import type { Logger } from 'pino';
import type { Runnable } from '../../kube/process/lifecycle.ts';
import { SingleWork } from '../../kube/process/singleWork.ts';
import type { WorkQueueObserver } from '../../kube/process/workQueue.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { mainTable } from '../netlink/constants.ts';
import type { MonitorEvent } from '../netlink/monitor.ts';
import type { Netlink, RouteChange } from '../netlink/netlink.ts';
import { ownProtocol } from '../routes/ownership.ts';

export interface HostRoutesOptions {
  readonly netlink: Netlink;
  readonly checkpoint: Checkpoint;
  readonly logger: Logger;
  readonly observer?: WorkQueueObserver;
}

const settleMs = 200;
/** Puts back the host's routes to pods on ptp links where somebody flushed them. */
export class HostRoutes implements Runnable {
  readonly name = 'host routes';
  readonly #options: HostRoutesOptions;
  readonly #work: SingleWork;

  constructor(options: HostRoutesOptions) {
    this.#options = options;
    const { logger, observer } = options;
    this.#work = new SingleWork({ name: this.name, logger, observer, handler: () => this.#reconcile() });
  }

  onKernelEvent(event: MonitorEvent): void {
    const concerns =
      event.type === 'resync' ||
      (event.type === 'route' &&
        event.action === 'del' &&
        event.route.protocol === ownProtocol &&
        event.route.table === mainTable);
    if (concerns) this.#work.trigger(settleMs);
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#work.start(signal);
  }

  async #reconcile(): Promise<void> {
    const { netlink, checkpoint, logger } = this.#options;
    const [links, routes] = await netlink.run(null, [
      { op: 'link.list' },
      { op: 'route.list', table: mainTable, protocol: ownProtocol },
    ]);
    const indexes = new Map(links.map(({ name, index }) => [name, index]));
    const present = new Set(routes.map(({ dst, dev }) => `${dst} ${dev}`));
    // Taken now and not before the lists: what DEL has removed since is not put back.
    const missing = [...checkpoint.list()].flatMap(({ links: made }) =>
      made.flatMap(({ hostEnd = '', addresses }) =>
        addresses.flatMap((dst): RouteChange[] => {
          const dev = indexes.get(hostEnd);
          if (dev === undefined || present.has(`${dst} ${dev}`)) return [];
          return [{ op: 'route.replace', dst, dev, protocol: ownProtocol, scope: 'link' }];
        }),
      ),
    );
    if (missing.length === 0) return;
    const outcomes = await netlink.runAll(null, missing);
    const done = outcomes.filter(outcome => outcome.done).length;
    logger.info({ missing: missing.length, done }, 'routes to pods put back');
  }
}
