import type { HostInterfaceSpec } from '../api/types.ts';
import { routesTo, type L3Route, type RouteBase } from './desiredRoutes.ts';

/** Where a plan finds the other hosts. */
export interface HostView {
  /** Host name → host index in the network. */
  readonly hostIndexes: ReadonlyMap<string, number>;
  host(name: string): HostInterfaceSpec | undefined;
}

/** Routes that were wanted before, and that are now. */
export interface RouteChanges {
  readonly before: L3Route[];
  readonly after: L3Route[];
}

/** The routes to one host, and what they were derived from. */
interface Derived {
  readonly spec: HostInterfaceSpec;
  readonly hostIndex: number;
  readonly routes: readonly L3Route[];
}

/**
 * The L3 routes of one node in one network, host by host: a host's are derived again only where its NICs (another object: objects are
 * replaced as a whole) or its index have changed.
 */
export class NetworkPlan {
  readonly base: RouteBase;
  readonly #node: string;
  readonly #hosts = new Map<string, Derived>();

  constructor(base: RouteBase, node: string) {
    this.base = base;
    this.#node = node;
  }

  /** Every route that is wanted, as last looked at. */
  routes(): L3Route[] {
    return [...this.#hosts.values()].flatMap(({ routes }) => routes);
  }

  /** Looks at these hosts again; at all, where they are not given. @returns the routes of those that have changed */
  look(view: HostView, hosts: Iterable<string> = [...this.#hosts.keys(), ...view.hostIndexes.keys()]): RouteChanges {
    const changes: RouteChanges = { before: [], after: [] };
    for (const name of hosts) {
      const known = this.#hosts.get(name);
      const spec = name === this.#node ? undefined : view.host(name);
      const hostIndex = view.hostIndexes.get(name);
      if (known && known.spec === spec && known.hostIndex === hostIndex) continue;
      if (known) changes.before.push(...known.routes);
      if (!spec || hostIndex === undefined) {
        this.#hosts.delete(name);
        continue;
      }
      const routes = routesTo(this.base, spec, hostIndex);
      this.#hosts.set(name, { spec, hostIndex, routes });
      changes.after.push(...routes);
    }
    return changes;
  }
}
