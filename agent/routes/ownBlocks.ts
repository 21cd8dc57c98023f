import { announcedBlocks } from '../../core/routes/announcedBlocks.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import { ownProtocol } from '../base/ownership.ts';
import { mainTable } from '../netlink/constants.ts';
import type { MonitorEvent } from '../netlink/monitor.ts';
import type { Netlink, RouteChange, RouteInfo } from '../netlink/netlink.ts';
import { type Programmed, programmed } from './kernelRoutes.ts';

/** More than others use for a route to the same destination; but FRR takes the highest of the four bytes for a distance, of which 0 is the best. */
const blockMetric = 77_000;

/**
 * The node's own blocks on rails, as blackholes in the main table: a routing daemon of the host finds them there and tells the leaf of each, as it does
 * with other routes of the kernel. What is for an address that no pod has ends there, and does not go back to the leaf.
 */
export class OwnBlocks {
  readonly #netlink: Netlink;
  /** What the kernel has, as far as is known. */
  #present: string | undefined;

  constructor(netlink: Netlink) {
    this.#netlink = netlink;
  }

  /** Reads the kernel's routes only where something else is wanted than before, or may have been removed. @throws NetlinkError */
  async reconcile(wanted: ReadonlySet<string>): Promise<Programmed> {
    const key = [...wanted].sort().join();
    if (this.#present === key) return { changes: 0, failures: [] };
    this.#present = key;
    try {
      const found = await this.#netlink.one(null, { op: 'route.list', table: mainTable, protocol: ownProtocol });
      const present = found.filter(({ type }) => type === 'blackhole');
      const there = new Set(present.map(({ dst }) => dst));
      const changes = [
        ...[...wanted].filter(dst => !there.has(dst)).map(setBlock),
        ...present.filter(({ dst }) => !wanted.has(dst)).map(deleteBlock),
      ];
      const pass = programmed(await this.#netlink.runAll(null, changes));
      if (pass.failures.length > 0) this.#present = undefined;
      return pass;
    } catch (error) {
      this.#present = undefined;
      throw error;
    }
  }

  /** Looks at the kernel again at the next pass. */
  distrust(): void {
    this.#present = undefined;
  }

  /** Whether the event shows that one of them is gone. */
  isConcernedBy(event: MonitorEvent): boolean {
    if (event.type !== 'route' || event.action !== 'del') return false;
    const { protocol, table, type } = event.route;
    return protocol === ownProtocol && table === mainTable && type === 'blackhole';
  }
}

/** The blocks of all networks that a node has on rails. */
export function ownBlocks(view: ClusterView, node: string): Set<string> {
  const host = view.host(node)?.spec;
  if (!host) return new Set();
  return new Set(
    view.networks().flatMap(({ state: { network, interfaces } }) => {
      const hostIndex = view.hostIndexes(network.name).get(node);
      return hostIndex === undefined ? [] : announcedBlocks(network, interfaces, host, hostIndex);
    }),
  );
}

function setBlock(dst: string): RouteChange {
  return {
    op: 'route.replace',
    dst,
    type: 'blackhole',
    protocol: ownProtocol,
    table: mainTable,
    metric: blockMetric,
  };
}

function deleteBlock(route: RouteInfo): RouteChange {
  return { ...route, op: 'route.del', ignore: ['ESRCH', 'ENOENT'] };
}
