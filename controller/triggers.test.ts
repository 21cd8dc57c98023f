import { expect } from 'chai';
import { largeCluster } from '../bench/support/largeCluster.ts';
import type { HostInterface } from '../core/api/types.ts';
import { KubeClient } from '../kube/api/client.ts';
import { WorkQueue } from '../kube/process/workQueue.ts';
import { ClusterView } from '../kube/view/clusterView.ts';
import { silent as logger } from '../test/kube/support.ts';
import { createInformers } from './context/informers.ts';
import { addTriggers } from './triggers.ts';

const batchMs = 300;
const statusIntervalMs = 5_000;

/** Tells what is put into it, and never works it off. */
class Told extends WorkQueue {
  readonly #queued: string[];

  constructor(name: string, queued: string[]) {
    super({ name, logger, handler: () => Promise.resolve() });
    this.#queued = queued;
  }

  override add(key: string): void {
    this.#queued.push(`${this.name} ${key}`);
  }

  override addAfter(key: string, ms: number): void {
    this.#queued.push(`${this.name} ${key} after ${ms} ms`);
  }
}

/** What a leader of a cluster of that size queues, with what delay, for a change of one host. */
function queuedFor(change: (host: HostInterface) => HostInterface, size = { hosts: 3, networks: 2 }): string[] {
  const { network, hosts } = largeCluster(size.hosts, 2);
  const [host] = hosts;
  if (!host) throw new Error('no host');
  const client = new KubeClient({
    server: 'http://127.0.0.1:1',
    credentials: () => Promise.reject(new Error('unused')),
  });
  const informers = createInformers(client, logger);
  informers.networks.replace(
    Array.from({ length: size.networks }, (_, i) => ({ ...network, metadata: { name: `net-${i}` } })),
  );
  informers.hosts.replace([withVersion(host, 1), ...hosts.slice(1)]);
  const queued: string[] = [];
  const queue = (name: string): WorkQueue => new Told(name, queued);
  const queues = {
    ...{ hostBlocks: queue('hostBlocks'), statuses: queue('statuses'), definitions: queue('definitions') },
    ...{ capacities: queue('capacities'), sriovObjects: queue('sriovObjects') },
  };
  addTriggers(queues, { informers, view: new ClusterView(informers, logger) }, { batchMs, statusIntervalMs });
  queued.length = 0;
  informers.hosts.set(withVersion(change(host), 2));
  return queued;
}

function withVersion(host: HostInterface, version: number): HostInterface {
  return { ...host, metadata: { ...host.metadata, generation: version, resourceVersion: String(version) } };
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
