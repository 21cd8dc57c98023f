import { expect } from 'chai';
import { largeCluster } from '../bench/support/largeCluster.ts';
import type { HostInterface } from '../core/api/types.ts';
import type { InformerHandlers } from '../kube/watch/informerHandlers.ts';
import type { LeaderContext } from './context/leaderContext.ts';
import type { Queues } from './queues.ts';
import { addTriggers } from './triggers.ts';

const batchMs = 300;
const statusIntervalMs = 5_000;

/** What a leader of a cluster of that size queues, with what delay, for a change of one host. */
function queuedFor(change: (host: HostInterface) => HostInterface, size = { hosts: 3, networks: 2 }): string[] {
  const [host] = largeCluster(1, 2).hosts;
  if (!host) throw new Error('no host');
  const queued: string[] = [];
  const queue = (name: string) => ({
    addAfter: (key: string, ms: number) => queued.push(`${name} ${key} after ${ms} ms`),
    add: (key: string) => queued.push(`${name} ${key}`),
  });
  const names = ['hostBlocks', 'statuses', 'definitions', 'capacities', 'sriovObjects'];
  const queues = Object.fromEntries(names.map(name => [name, queue(name)])) as unknown as Queues;
  let hostHandlers: InformerHandlers<HostInterface> = {};
  const networks = Array.from({ length: size.networks }, (_, i) => ({ metadata: { name: `net-${i}` } }));
  const none = { addHandlers: () => undefined };
  const informers = {
    ...{ cidrs: none, pools: none, nodes: none, namespaces: none },
    networks: { addHandlers: () => undefined, list: () => networks.values(), size: size.networks },
    hosts: { addHandlers: (handlers: typeof hostHandlers) => (hostHandlers = handlers), size: size.hosts },
  };
  addTriggers(queues, { informers } as unknown as LeaderContext, { batchMs, statusIntervalMs });
  const { metadata } = host;
  void hostHandlers.updated?.(change({ ...host, metadata: { ...metadata, generation: 2 } }), {
    ...host,
    metadata: { ...metadata, generation: 1 },
  });
  return queued;
}

function withFirstNic(host: HostInterface, change: object): HostInterface {
  const [first, ...others] = host.spec.interfaces;
  if (!first) throw new Error('no NIC');
  return { ...host, spec: { ...host.spec, interfaces: [{ ...first, ...change }, ...others] } };
}

describe('What the leader looks at when a host changes', () => {
  it('is everything where its NICs do', () => {
    const moved = queuedFor(host => withFirstNic(host, { netAddress: '172.30.0.0/16', hostIP: '172.30.0.9' }));
    expect(moved).to.have.members([
      'capacities host-0 after 300 ms',
      ...['net-0', 'net-1'].flatMap(name => [`hostBlocks ${name} after 300 ms`, `sriovObjects ${name} after 300 ms`]),
    ]);
  });

  it('is its capacity and how the networks stand where a link fails: no host loses its place by that', () => {
    const failed = queuedFor(host => withFirstNic(host, { linkState: 'down', speedMbps: undefined }));
    expect(failed).to.have.members([
      'capacities host-0 after 300 ms',
      ...['net-0', 'net-1'].map(name => `statuses ${name} after 300 ms`),
    ]);
  });

  it('waits with the networks where many of them are to be summed up from thousands of hosts', () => {
    const failed = queuedFor(host => withFirstNic(host, { linkState: 'down' }), { hosts: 5_000, networks: 100 });
    expect(failed.filter(text => text.startsWith('statuses'))).to.include('statuses net-99 after 25000 ms');
    expect(failed).to.include('capacities host-0 after 300 ms');
  });
});
