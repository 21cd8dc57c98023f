import { Gauge, type Registry } from 'prom-client';
import { extendedResourceName } from '../core/api/names.ts';
import { wholeQuantity } from '../core/status/nodeCapacity.ts';
import type { LeaderContext } from './leaderContext.ts';

/** Registers what is known of networks; computed when asked for, and only in the replica that leads. */
export function registerNetworkMetrics(registry: Registry, leading: () => LeaderContext | undefined): void {
  const registers = [registry];
  new Gauge({
    name: 'multinic_network_hosts',
    help: 'Hosts that have an index in the network.',
    labelNames: ['network'],
    registers,
    collect() {
      this.reset();
      const context = leading();
      if (!context) return;
      for (const network of context.view.networkNames()) this.set({ network }, context.view.hostIndexes(network).size);
    },
  });
  new Gauge({
    name: 'multinic_network_addresses',
    help: 'Attachments that hold addresses (used), and that all nodes together have addresses for (capacity).',
    labelNames: ['network', 'kind'],
    registers,
    collect() {
      this.reset();
      const context = leading();
      if (!context) return;
      for (const [network, { used, capacity }] of countAddresses(context)) {
        this.set({ network, kind: 'used' }, used);
        this.set({ network, kind: 'capacity' }, capacity);
      }
    },
  });
}

/** One pass over pools and nodes, for all networks. */
function countAddresses({ informers, view }: LeaderContext): Map<string, { used: number; capacity: number }> {
  const counts = new Map(view.networkNames().map(name => [name, { used: 0, capacity: 0 }]));
  for (const { spec, status } of informers.pools.list()) {
    const count = counts.get(spec.network);
    if (count) count.used += status?.used ?? 0;
  }
  const shared = new Set(
    view
      .networks()
      .filter(({ state }) => state.network.nodeIndependent)
      .map(n => n.object.metadata.name),
  );
  for (const { status } of informers.nodes.list()) {
    for (const [network, count] of counts) {
      const here = wholeQuantity(status?.capacity?.[extendedResourceName(network)]) ?? 0;
      count.capacity = shared.has(network) ? Math.max(count.capacity, here) : count.capacity + here;
    }
  }
  return counts;
}
