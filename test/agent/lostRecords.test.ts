import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { namespaceIdentity } from '../../agent/attach/namespaceIdentity.ts';
import { Checkpoint } from '../../agent/checkpoint/checkpoint.ts';
import { PodSource } from '../../agent/copies/podSource.ts';
import { PoolRecords } from '../../agent/copies/poolRecords.ts';
import { LostRecords } from '../../agent/release/lostRecords.ts';
import { apiVersion } from '../../core/api/names.ts';
import { formatPool, readPool } from '../../core/pool/content.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { cidrs, hostInterfaces, ipPools, multiNicNetworks, pods } from '../../kube/api/resources.ts';
import { PoolStore } from '../../kube/pools/poolStore.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import type { Cluster } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';
import { networkView } from '../kube/networkView.ts';
import { silent } from '../kube/support.ts';
import { startSiteCluster } from './siteApi.ts';

const node = 'host-1';
const network = 'flat';
const page = 'flat.page.0';
const shape = { subnet: '11.9.0.0/22', ipam: { interfaceBlock: 0 } };
/** After this a PoolStore no longer trusts what it has read of a page, ms. */
const trustedMs = 2_500;
const netns = '/proc/self/ns/net';

/** What an agent looks after that has just started. */
interface Agent extends AsyncDisposable {
  /** Looks once for records that are lost. */
  sweep(): Promise<void>;
  /** Looks as often as an agent does, until it ends. */
  run(): void;
}

describe('agent: records that a page has lost, against a real API server', function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let client: KubeClient;
  let networks: Awaited<ReturnType<typeof networkView>>;
  let view: ClusterView;
  let folder: string;
  let checkpoint: Checkpoint;

  before(async function () {
    this.timeout(900_000);
    cluster = await startSiteCluster();
    client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig });
    const nic = { interfaceName: 'eth1', netAddress: '172.20.1.0/24', hostIP: '172.20.1.11' };
    const spec = { hostName: node, interfaces: [nic] };
    await client.create(hostInterfaces, { apiVersion, kind: 'HostInterface', metadata: { name: node }, spec });
    networks = await networkView(client, network, shape);
    view = networks.view;
    await eventually('the host', () => view.synced() && view.host(node));
  });

  after(async () => {
    await networks?.[Symbol.asyncDispose]();
    await client?.close();
    await cluster?.stop();
  });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'multi-nic-lost-'));
    checkpoint = await Checkpoint.open(folder, silent);
  });

  afterEach(async () => {
    await client.delete(ipPools, { name: page }).catch(() => undefined);
    await rm(folder, { recursive: true });
  });

  /** An agent of the node, with what the checkpoint has. */
  async function startAgent(): Promise<Agent> {
    const source = new PodSource({ client, node, logger: silent });
    const store = new PoolStore(client, { logger: silent });
    const records = new PoolRecords({ client, view, store, node, logger: silent });
    const lost = new LostRecords({
      ...{ checkpoint, pods: source, records, view, store, node, logger: silent },
      detached: () => undefined,
    });
    const running = new AbortController();
    const ended = [source.informer.start(running.signal), records.start(running.signal)];
    await source.informer.synced;
    return {
      sweep: () => lost.sweep(running.signal),
      run: () => void ended.push(lost.start(running.signal)),
      [Symbol.asyncDispose]: async () => {
        running.abort();
        await Promise.all(ended);
      },
    };
  }

  /** A pod of the node, attached to the network with that address. Its record is written by whoever attached it, so here by nobody. */
  async function attach(name: string, address: string, of = network, pool = `${of}.page.0`): Promise<void> {
    const { metadata } = await client.create(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: { nodeName: node, containers: [{ name: 'main', image: 'none' }] },
    });
    await checkpoint.put({
      ...{ version: 1, state: 'done', containerId: name, ifname: 'net1', callIfname: 'eth0', configName: of },
      ...{
        netns,
        netnsId: namespaceIdentity(netns) ?? '',
        network: of,
        type: 'macvlan',
        since: '2026-01-01T00:00:00Z',
      },
      links: [{ name: 'net1-0', master: 'eth1', addresses: [address], routes: [] }],
      pod: { uid: metadata.uid ?? '', namespace: 'default', name },
      pool,
    });
  }

  /** What the page has: pods and their addresses. */
  async function recorded(): Promise<string[]> {
    const { allocations } = readPool(await client.find(ipPools, { name: page }));
    return allocations
      .map(({ name, nics }) => `${name} ${nics.flatMap(({ addresses }) => addresses).join(' ')}`)
      .sort();
  }

  it('are put back once when the agent has started: it neither asks for them all the time, nor for what it attaches', async () => {
    await attach('early', '11.9.0.5/22');
    {
      await using agent = await startAgent();
      await agent.sweep();
      expect(await recorded()).to.deep.equal(['early 11.9.0.5/22']);
      await client.delete(ipPools, { name: page });
      await attach('late', '11.9.0.6/22');
      await sleep(trustedMs);
      await agent.sweep();
      expect(await recorded()).to.deep.equal([]);
    }
    await using next = await startAgent();
    await next.sweep();
    expect(await recorded()).to.deep.equal(['early 11.9.0.5/22', 'late 11.9.0.6/22']);
  });

  it('are put back where the network was deleted and created again, with a page of its own', async () => {
    await attach('lasting', '11.9.0.7/22');
    await using agent = await startAgent();
    await agent.sweep();
    await client.delete(multiNicNetworks, { name: network });
    await client.delete(ipPools, { name: page });
    await eventually('the network to be gone', () => view.network(network) === undefined);
    await agent.sweep();
    await sleep(trustedMs);
    await using _again = await networkView(client, network, shape);
    await eventually('the network', () => view.network(network)?.state.interfaces.length === 1);
    await agent.sweep();
    expect(await recorded()).to.deep.equal(['lasting 11.9.0.7/22']);
  });

  it('are put back as soon as the node has a block of a network that was created again, before other pods get the addresses', async () => {
    const name = 'late-blocks';
    await attach('cut-off', '11.11.2.9/23', name, `${name}.${node}`);
    await using agent = await startAgent();
    agent.run();
    const ipam = JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 4, interfaceBlock: 1, vlanMode: 'l3' });
    const plugin = { cniVersion: '1.0.0', type: 'macvlan' };
    const spec = { subnet: '11.11.0.0/22', ipam, multiNICIPAM: true, plugin };
    const { metadata } = await client.create(multiNicNetworks, {
      ...{ apiVersion, kind: 'MultiNicNetwork', metadata: { name }, spec },
    });
    const setInterfaces = (...subnets: string[]) => {
      const interfaces = subnets.map((netAddress, index) => ({ index, netAddress, ordinal: 0 }));
      return client.patch(multiNicNetworks, metadata, 'merge', { status: { interfaces } }, { subresource: 'status' });
    };
    await eventually('the network', () => view.network(name));
    await sleep(1_000);
    // Hosts of other racks may be looked at first.
    await setInterfaces('172.20.9.0/24');
    const page = { network: name, page: 0, hosts: [{ hostName: node, hostIndex: 0 }] };
    await client.create(cidrs, { apiVersion, kind: 'CIDR', metadata: { name: `${name}-0` }, spec: page });
    await eventually('the index', () => view.hostIndexes(name).has(node));
    await sleep(1_000);
    await setInterfaces('172.20.9.0/24', '172.20.1.0/24');
    const begun = performance.now();
    await eventually('the record', async () => {
      const { allocations } = readPool(await client.find(ipPools, { name: `${name}.${node}` }));
      return allocations.some(({ name: pod }) => pod === 'cut-off');
    });
    // It looks for all others every ten seconds.
    expect(performance.now() - begun).to.be.lessThan(5_000);
  });

  it('are put back in other networks where that of an attachment cannot be read', async () => {
    const metadata = { name: 'spoilt' };
    const spec = {
      subnet: '11.10.0.0/22',
      ipam: 'no JSON',
      multiNICIPAM: true,
      plugin: { cniVersion: '1.0.0', type: 'macvlan' },
    };
    await client.create(multiNicNetworks, { apiVersion, kind: 'MultiNicNetwork', metadata, spec });
    await eventually('its error', () => {
      try {
        return view.network('spoilt') && false;
      } catch {
        return true;
      }
    });
    await attach('unlucky', '11.10.0.5/22', 'spoilt');
    await attach('lucky', '11.9.0.8/22');
    await using agent = await startAgent();
    await agent.sweep();
    expect(await recorded()).to.deep.equal(['lucky 11.9.0.8/22']);
  });

  it('are put back soon after the address is free of an old record of another pod, and not an hour later', async () => {
    const [now, nic] = [performance.now.bind(performance), { netAddress: '172.16.0.0/24' }];
    let laterMs = 0;
    performance.now = () => now() + laterMs;
    try {
      await attach('waiting', '11.9.0.10/22');
      const store = new PoolStore(client, { logger: silent });
      const old = { podUID: 'gone', namespace: 'default', name: 'ended', interface: 'net1' };
      await store.allocate(
        {
          name: page,
          spec: { network, page: 0, blocks: [] },
          networkUid: view.network(network)?.state.network.uid ?? '',
        },
        { claimant: old, nics: [{ ...nic, blocks: [] }] },
        { timeoutMs: 10_000 },
      );
      const pool = await client.get(ipPools, { name: page });
      const { allocations, ...rest } = readPool(pool);
      const withAddress = allocations.map(record => ({ ...record, nics: [{ ...nic, addresses: ['11.9.0.10/22'] }] }));
      await client.updateStatus(ipPools, { ...pool, status: formatPool({ ...rest, allocations: withAddress }) });
      await using agent = await startAgent();
      await agent.sweep();
      expect(await recorded()).to.deep.equal(['ended 11.9.0.10/22']);
      await client.delete(ipPools, { name: page });
      laterMs = 30_000;
      await agent.sweep();
      expect(await recorded(), 'within the minute for which an address rests').to.deep.equal(['waiting 11.9.0.10/22']);
    } finally {
      performance.now = now;
    }
  });

  it('are not put back for a pod that has finished: its addresses may have been released', async () => {
    await attach('finished', '11.9.0.11/22');
    const ref = { namespace: 'default', name: 'finished' };
    await client.patch(pods, ref, 'merge', { status: { phase: 'Failed' } }, { subresource: 'status' });
    await attach('running', '11.9.0.12/22');
    await using agent = await startAgent();
    await agent.sweep();
    expect(await recorded()).to.deep.equal(['running 11.9.0.12/22']);
  });

  it('are not asked for all the time while the API server fails', async () => {
    await attach('patient', '11.9.0.9/22');
    await using agent = await startAgent();
    cluster.apiServer.pause();
    try {
      await agent.sweep();
    } finally {
      cluster.apiServer.resume();
    }
    await agent.sweep();
    expect(await recorded()).to.deep.equal([]);
  });
});
