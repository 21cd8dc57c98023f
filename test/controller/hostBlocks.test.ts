import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';
import { KubeClient } from '../../kube/client.ts';
import { cidrs, hostInterfaces, ipPools, multiNicNetworks, nodes } from '../../kube/resources.ts';
import { startCluster, type Cluster } from '../cluster/index.ts';
import {
  eventually,
  host,
  inParallel,
  installResources,
  network,
  Observed,
  removeAll,
  runController,
  type Running,
} from './support.ts';

const main = join(import.meta.dirname, '../../controller/main.ts');

describe('Host blocks, against a real API server', function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let client: KubeClient;
  let seen: Observed;
  const controllers: Running[] = [];

  before(async function () {
    this.timeout(900_000);
    cluster = await startCluster({ name: 'host-blocks', nodes: 0 });
    client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig });
    seen = new Observed(client);
    await installResources(cluster);
  });

  afterEach(async () => {
    await Promise.all(controllers.splice(0).map(controller => controller.stop()));
    await removeAll(client);
  });

  after(async () => {
    await client?.close();
    await cluster?.stop();
  });

  function start(times?: Parameters<typeof runController>[1]): Running {
    const controller = runController(client, times);
    controllers.push(controller);
    return controller;
  }

  const addHosts = async (names: readonly string[]): Promise<void> => {
    await cluster.addFakeNodes(names.map(name => ({ name })));
    await inParallel(names, name => client.create(hostInterfaces, host(name, Number(name.split('-')[1]))));
  };

  const allIndexed = (name: string, count: number): Promise<Map<string, number>> =>
    eventually(`${count} hosts with an index in ${name}`, async () => {
      const indexes = await seen.indexes(name);
      return indexes.size === count && indexes;
    });

  it('gives 200 hosts that come at once an index each, in few writes', async () => {
    start({ batchMs: 1_000 });
    await client.create(multiNicNetworks, network('burst'));
    const names = Array.from({ length: 200 }, (_, i) => `node-${i}`);
    await addHosts(names);
    const indexes = await allIndexed('burst', 200);
    expect(new Set(indexes.values()).size).to.equal(200);
    expect(Math.max(...indexes.values())).to.equal(199);
    // The generation counts the writes of each of the four pages.
    const { items } = await client.list(cidrs);
    const writes = items.reduce((sum, { metadata }) => sum + (metadata.generation ?? 0), 0);
    expect(writes).to.be.within(4, 40);
    const status = await eventually('status of 200 hosts', async () => {
      const status = await seen.status('burst');
      return status?.discovery.cidrProcessed === 200 && status;
    });
    expect(status.computeResults).to.deep.equal([
      { netAddress: '172.20.1.0/24', numOfHosts: 200 },
      { netAddress: '172.20.2.0/24', numOfHosts: 200 },
    ]);
    expect(status.interfaces).to.deep.equal([
      { index: 0, netAddress: '172.20.1.0/24', ordinal: 0 },
      { index: 1, netAddress: '172.20.2.0/24', ordinal: 0 },
    ]);
  });

  it('keeps indexes over a restart, and while only the Node or only the HostInterface is gone', async () => {
    const first = start();
    await client.create(multiNicNetworks, network('lasting'));
    await addHosts(['n-0', 'n-1', 'n-2']);
    const before = await allIndexed('lasting', 3);
    // Otherwise it is deleted with its Node.
    const users = { metadata: { labels: { 'multi-nic-unmanaged': 'true' } } };
    await client.patch(hostInterfaces, { name: 'n-1' }, 'merge', users);
    await first.stop();

    await client.delete(hostInterfaces, { name: 'n-0' });
    await client.delete(nodes, { name: 'n-1' });
    await addHosts(['n-3']);
    start();
    const after = await allIndexed('lasting', 4);
    for (const [name, index] of before) expect(after.get(name), name).to.equal(index);
  });

  it('frees the index of a node that is gone, and lets it rest', async () => {
    start();
    await client.create(multiNicNetworks, network('leaving'));
    await addHosts(['n-0', 'n-1', 'n-2']);
    const before = await allIndexed('leaving', 3);
    const [leaving, highest] = [1, 2].map(index => [...before].find(([, i]) => i === index)?.[0] ?? '');
    await client.delete(nodes, { name: leaving! });
    await allIndexed('leaving', 2);
    expect(await client.find(hostInterfaces, { name: leaving! })).to.equal(undefined);
    await addHosts(['n-4']);
    const after = await allIndexed('leaving', 3);
    expect(after.get('n-4')).to.equal(3);
    expect(after.get(highest!)).to.equal(2);
  });

  it('goes on in a second replica when the leader is killed, with every index where it was', async () => {
    const env = { ...process.env, KUBECONFIG: cluster.kubeconfig, LOG_LEVEL: 'error' };
    const leader = spawn(process.execPath, [main], { env, stdio: ['ignore', 'inherit', 'inherit'] });
    try {
      await client.create(multiNicNetworks, network('failover'));
      await addHosts(['n-0', 'n-1']);
      const before = await allIndexed('failover', 2);
      const second = start();
      leader.kill('SIGKILL');
      await addHosts(['n-2']);
      const after = await allIndexed('failover', 3);
      expect(second.isLeader()).to.equal(true);
      for (const [name, index] of before) expect(after.get(name)).to.equal(index);
    } finally {
      leader.kill('SIGKILL');
    }
  });

  it('skips indexes whose blocks are excluded, and says with numbers when none is left', async () => {
    start();
    // hostBlock 2: four indexes, of which the first is excluded on the first interface (10.200.0.0/20 of 10.200.0.0/18).
    const ipam = { hostBlock: 2, excludeCIDRs: ['10.200.0.0/20'] };
    await client.create(multiNicNetworks, network('full', {}, ipam));
    await addHosts(['n-0', 'n-1', 'n-2', 'n-3']);
    expect([...(await allIndexed('full', 3)).values()].sort()).to.deep.equal([1, 2, 3]);
    const condition = await eventually('condition HostIndexesFull', async () => {
      const condition = await seen.condition('full', 'HostsAllocated');
      return condition?.reason === 'HostIndexesFull' && condition;
    });
    expect(condition.message).to.contain('1 of 4 hosts').and.contain('hostBlock 2 gives 4');
    expect((await seen.status('full'))?.configStatus).to.equal('Failed');
    await eventually('event', async () => (await seen.reasons('full')).includes('HostIndexesFull'));
  });

  it('starts anew for a network that was deleted and made again', async () => {
    start();
    await client.create(multiNicNetworks, network('again'));
    await addHosts(['n-1', 'n-0']);
    await allIndexed('again', 2);
    await client.delete(multiNicNetworks, { name: 'again' });
    await allIndexed('again', 0);
    await client.create(multiNicNetworks, network('again'));
    await allIndexed('again', 2);
  });

  it('deletes the pool of a node that is gone, and keeps the others', async () => {
    await client.create(multiNicNetworks, network('pools'));
    await addHosts(['n-0', 'n-1']);
    for (const hostName of ['n-0', 'n-1']) {
      const spec = { network: 'pools', hostName, blocks: [] };
      await client.create(ipPools, { apiVersion: '', kind: '', metadata: { name: `pools.${hostName}` }, spec });
    }
    await client.delete(nodes, { name: 'n-1' });
    start();
    await eventually('no pool of n-1', async () => (await seen.pool('pools.n-1')) === undefined);
    expect(await seen.pool('pools.n-0')).not.to.equal(undefined);
  });
});
