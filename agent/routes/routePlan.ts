import type { HostInterfaceSpec } from '../../core/api/types.ts';
import { formatCidr } from '../../core/net/cidr.ts';
import { type L3Route, routeBase } from '../../core/routes/desiredRoutes.ts';
import { type HostView, NetworkPlan, type RouteChanges } from '../../core/routes/networkPlan.ts';
import type { TableUser } from '../../core/routes/tables.ts';
import type { ClusterView, KnownNetwork } from '../../kube/view/clusterView.ts';

/** The routes of one L3 network on this node; to be read once. */
export interface NetworkRoutes extends TableUser {
  readonly routes: Iterable<L3Route>;
  /** Names of the node's NICs that they lead out of, or will once there is another host. */
  readonly devices: readonly string[];
}

/** Changes of some routes of one network. */
export interface NetworkChanges extends RouteChanges {
  readonly name: string;
}

interface Planned {
  readonly known: KnownNetwork;
  readonly self: HostInterfaceSpec;
  /** What the plan is based on, as text. */
  readonly key: string;
  readonly plan: NetworkPlan;
}

/** The routes of every L3 network with a subnet on one node, from what is known of the cluster. */
export class RoutePlan {
  readonly #view: ClusterView;
  readonly #node: string;
  readonly #networks = new Map<string, Planned>();

  constructor(view: ClusterView, node: string) {
    this.#view = view;
    this.#node = node;
  }

  /**
   * Takes note of the networks and the node's own NICs as they are now.
   * @returns whether they differ from before, so that more may have changed than routes to single hosts; a network's status does not count
   */
  renew(): boolean {
    const self = this.#view.host(this.#node)?.spec ?? { hostName: this.#node, interfaces: [] };
    const networks = this.#view
      .networks()
      .filter(({ state: { network } }) => network.l3 && network.subnets.length > 0)
      .map(known => this.#take(known, self));
    const isOther = ({ known, plan }: Planned): boolean => this.#networks.get(known.state.network.name)?.plan !== plan;
    const changed = networks.length !== this.#networks.size || networks.some(isOther);
    this.#networks.clear();
    for (const planned of networks) this.#networks.set(planned.known.state.network.name, planned);
    return changed;
  }

  /** All wanted routes. */
  all(): NetworkRoutes[] {
    return [...this.#networks].map(([name, { known, plan }]) => {
      plan.look(this.#hosts(name));
      const devices = [...plan.base.ways.values()].map(({ device }) => device);
      return { name, subnets: known.state.network.subnets.map(formatCidr), routes: plan.routes(), devices };
    });
  }

  /** What differs from before in routes to these hosts. */
  changes(hosts: ReadonlySet<string>): NetworkChanges[] {
    return [...this.#networks].map(([name, { plan }]) => ({ name, ...plan.look(this.#hosts(name), hosts) }));
  }

  #take(known: KnownNetwork, self: HostInterfaceSpec): Planned {
    const { network, interfaces } = known.state;
    const before = this.#networks.get(network.name);
    if (before?.known === known && before.self === self) return before;
    const base = routeBase(network, interfaces, self);
    const ways = [...base.ways].map(([position, { device, routers }]) => [position, device, routers]);
    // A network that was created again has other pages, whatever is the same: see ClusterView.hostIndexes.
    const key = JSON.stringify([network.uid, known.object.spec, interfaces, ways]);
    return { known, self, key, plan: before?.key === key ? before.plan : new NetworkPlan(base, this.#node) };
  }

  #hosts(network: string): HostView {
    return { hostIndexes: this.#view.hostIndexes(network), host: name => this.#view.host(name)?.spec };
  }
}
