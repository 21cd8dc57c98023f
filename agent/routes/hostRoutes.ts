import type { Logger } from 'pino';
import { withoutPrefix } from '../../core/net/interfaceAddress.ts';
import type { Runnable } from '../../kube/process/lifecycle.ts';
import { SingleWork } from '../../kube/process/singleWork.ts';
import type { WorkQueueObserver, WorkResult } from '../../kube/process/workQueue.ts';
import { hostEndPrefix, ownProtocol } from '../base/ownership.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { mainTable } from '../netlink/constants.ts';
import type { MonitorEvent } from '../netlink/monitor.ts';
import type { NeighbourChange, Netlink, RouteChange } from '../netlink/netlink.ts';

export interface HostRoutesOptions {
  readonly netlink: Netlink;
  readonly checkpoint: Checkpoint;
  readonly logger: Logger;
  readonly observer?: WorkQueueObserver;
}

const settleMs = 200;
/** What the kernel refuses, on a host without IPv6 for a while or by a link that is down, it may take later, and tells nobody. */
const failedMs = 10_000;

/** An end of a ptp link on the host, by its index, and the hardware address of the other one, once known. */
interface HostEnd {
  readonly dev: number;
  readonly mac: string | undefined;
}

/** Restores the host's routes to pods on ptp links, and their neighbours, after somebody flushed them or took the link down for a moment. */
export class HostRoutes implements Runnable {
  readonly name = 'host routes';
  readonly #options: HostRoutesOptions;
  readonly #work: SingleWork;
  /** How many changes the last pass could not make. */
  #failed = 0;

  constructor(options: HostRoutesOptions) {
    this.#options = options;
    const { logger, observer } = options;
    this.#work = new SingleWork({ name: this.name, logger, observer, handler: () => this.#reconcile() });
  }

  onKernelEvent(event: MonitorEvent): void {
    if (event.type === 'resync' || isFlush(event) || isUpAgain(event)) this.#work.trigger(settleMs);
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#work.start(signal);
  }

  async #reconcile(): Promise<WorkResult> {
    const { netlink, logger } = this.#options;
    const [links, routes] = await netlink.run(null, [
      { op: 'link.list' },
      { op: 'route.list', table: mainTable, protocol: ownProtocol },
    ]);
    const present = new Set(routes.map(({ dst, dev }) => `${dst} ${dev}`));
    // Read now and not before the lists, so that what DEL has removed since is not restored.
    const wanted = this.#wanted(new Map(links.map(({ name, index }) => [name, index])));
    const missing = [...wanted].filter(([dst, { dev }]) => !present.has(`${dst} ${dev}`));
    const outcomes = await netlink.runAll(null, missing.flatMap(changesFor));
    const failed = outcomes.filter(outcome => !outcome.done).length;
    if (missing.length > 0 && (failed === 0 || failed !== this.#failed))
      logger.info({ missing: missing.length, failed }, 'routes to pods restored');
    this.#failed = failed;
    return failed > 0 ? { requeueAfterMs: failedMs } : {};
  }

  /** The link of each address. If a pod has two sandboxes, the earlier of which is on its way out, the later one counts. */
  #wanted(indexes: ReadonlyMap<string, number>): Map<string, HostEnd> {
    const wanted = new Map<string, HostEnd>();
    const entries = [...this.#options.checkpoint.list()].sort((a, b) => Date.parse(a.since) - Date.parse(b.since));
    for (const { hostEnd = '', addresses, mac } of entries.flatMap(({ links }) => links)) {
      const dev = indexes.get(hostEnd);
      if (dev !== undefined) for (const address of addresses) wanted.set(address, { dev, mac });
    }
    return wanted;
  }
}

function changesFor([dst, { dev, mac }]: [string, HostEnd]): (RouteChange | NeighbourChange)[] {
  return [
    ...(mac === undefined ? [] : [{ op: 'neighbour.replace' as const, dev, address: withoutPrefix(dst), mac }]),
    { op: 'route.replace', dst, dev, protocol: ownProtocol, scope: 'link' },
  ];
}

function isFlush(event: MonitorEvent): boolean {
  if (event.type !== 'route' || event.action !== 'del') return false;
  return event.route.protocol === ownProtocol && event.route.table === mainTable;
}

/** The kernel does not report routes that disappear with a link that goes down (net/ipv4/fib_trie.c, fib_table_flush). */
function isUpAgain(event: MonitorEvent): boolean {
  return event.type === 'link' && event.action === 'new' && event.link.up && event.link.name.startsWith(hostEndPrefix);
}
