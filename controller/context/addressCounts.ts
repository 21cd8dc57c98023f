import { extendedResourceName } from '../../core/api/names.ts';
import type { AddressCounts as Counts, IPPool } from '../../core/api/types.ts';
import type { Network } from '../../core/network/network.ts';
import { wholeQuantity } from '../../core/status/nodeCapacity.ts';
import type { LeaderInformers } from './informers.ts';

/** How many attachments hold addresses of each network. When a pool changes, only the difference is counted, not all pools. */
export class AddressCounts {
  readonly #nodes: LeaderInformers['nodes'];
  /** By pool, as it was last counted. */
  readonly #counted = new Map<string, number>();
  readonly #used = new Map<string, number>();

  constructor({ pools, nodes }: Pick<LeaderInformers, 'pools' | 'nodes'>) {
    this.#nodes = nodes;
    const count = (pool: IPPool): void => {
      this.#count(pool, pool.status?.used ?? 0);
    };
    pools.addHandlers({
      added: count,
      updated: count,
      deleted: pool => {
        this.#count(pool, 0);
      },
    });
  }

  of({ name, nodeIndependent }: Pick<Network, 'name' | 'nodeIndependent'>): Counts {
    const resource = extendedResourceName(name);
    let capacity = 0;
    for (const { status } of this.#nodes.list()) {
      const here = wholeQuantity(status?.capacity?.[resource]) ?? 0;
      // Every node draws on the same addresses, or each has its own.
      capacity = nodeIndependent ? Math.max(capacity, here) : capacity + here;
    }
    return { used: this.#used.get(name) ?? 0, capacity };
  }

  #count({ metadata: { name }, spec: { network } }: IPPool, now: number): void {
    const all = (this.#used.get(network) ?? 0) + now - (this.#counted.get(name) ?? 0);
    set(this.#counted, name, now);
    set(this.#used, network, all);
  }
}

function set(counts: Map<string, number>, key: string, count: number): void {
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
