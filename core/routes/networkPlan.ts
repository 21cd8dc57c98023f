import type { HostInterfaceSpec } from '../api/types.ts';
import { type L3Route, type RouteBase, routesTo } from './desiredRoutes.ts';

/** Where a plan finds the other hosts. */
export interface HostView {
  /** Host name → host index in the network. */
  readonly hostIndexes: ReadonlyMap<string, number>;
  host(name: string): HostInterfaceSpec | undefined;
}

/** Routes that were wanted before, and that are now; each to be read once. */
export interface RouteChanges {
  readonly before: Iterable<L3Route>;
  readonly after: Iterable<L3Route>;
}

/** What the routes to one host are derived from. */
interface Destination {
  readonly spec: HostInterfaceSpec;
  readonly hostIndex: number;
}

/**
 * The L3 routes of one node in one network, host by host: a host's differ only where its NICs (another object: objects are replaced as a
 * whole) or its index have changed. Routes are derived when they are read and not kept: an agent is small.
 */
export class NetworkPlan {
  readonly base: RouteBase;
  readonly #node: string;
  readonly #hosts = new Map<string, Destination>();

  constructor(base: RouteBase, node: string) {
    this.base = base;
    this.#node = node;
  }

  /** Every route that is wanted, as last looked at before this call; to be read once. */
  routes(): Iterable<L3Route> {
    return this.#routesTo([...this.#hosts.values()]);
  }

  /** Looks at these hosts again; at all, where they are not given. @returns the routes of those that have changed */
  look(view: HostView, hosts: Iterable<string> = [...this.#hosts.keys(), ...view.hostIndexes.keys()]): RouteChanges {
    const before: Destination[] = [];
    const after: Destination[] = [];
    for (const name of hosts) {
      const known = this.#hosts.get(name);
      const spec = name === this.#node ? undefined : view.host(name);
      const hostIndex = view.hostIndexes.get(name);
      if (known && known.spec === spec && known.hostIndex === hostIndex) continue;
      if (known) before.push(known);
      if (!spec || hostIndex === undefined) {
        this.#hosts.delete(name);
        continue;
      }
      const destination = { spec, hostIndex };
      this.#hosts.set(name, destination);
      after.push(destination);
    }
    return { before: this.#routesTo(before), after: this.#routesTo(after) };
  }

  *#routesTo(destinations: readonly Destination[]): Generator<L3Route> {
    for (const { spec, hostIndex } of destinations) yield* routesTo(this.base, spec, hostIndex);
  }
}
