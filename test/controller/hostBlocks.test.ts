import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import { annotation, attachmentsKey } from '../../core/api/names.ts';
import { nodePoolName } from '../../core/pool/name.ts';
import { cidrs, hostInterfaces, ipPools, multiNicNetworks, nodes, pods } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { watchedView } from '../kube/networkView.ts';
import { indexedHosts } from './indexedHosts.ts';
import { controllerSite } from './site.ts';
import { host, network, podNamed } from './support.ts';

const main = join(import.meta.dirname, '../../controller/main.ts');

describe('Host blocks, against a real API server', function () {
  this.timeout(120_000);
  const site = controllerSite('host-blocks', { controllers: 'each' });

  const { addHosts, allIndexed, createPool } = indexedHosts(site);

  it('gives 200 hosts that come at once an index each, in few writes', async () => {
    site.start({ batchMs: 1_000 });
    await site.client.create(multiNicNetworks, network('burst'));
    const names = Array.from({ length: 200 }, (_, i) => `node-${i}`);
    await addHosts(names);
    const indexes = await allIndexed('burst', 200);
    expect(new Set(indexes.values()).size).to.equal(200);
    expect(Math.max(...indexes.values())).to.equal(199);
    // The generation counts the writes of each of the four pages.
    const { items } = await site.client.list(cidrs);
    const writes = items.reduce((sum, { metadata }) => sum + (metadata.generation ?? 0), 0);
    expect(writes).to.be.within(4, 40);
    const status = await eventually('status of 200 hosts', async () => {
      const status = await site.seen.status('burst');
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
    const first = site.start();
    await site.client.create(multiNicNetworks, network('lasting'));
    await addHosts(['n-0', 'n-1', 'n-2']);
    const before = await allIndexed('lasting', 3);
    // Otherwise it is deleted with its Node.
    const users = { metadata: { labels: { 'multi-nic-unmanaged': 'true' } } };
    await site.client.patch(hostInterfaces, { name: 'n-1' }, 'merge', users);
    await first.stop();

    await site.client.delete(hostInterfaces, { name: 'n-0' });
    await site.client.delete(nodes, { name: 'n-1' });
    await addHosts(['n-3']);
    site.start();
    const after = await allIndexed('lasting', 4);
    for (const [name, index] of before) expect(after.get(name), name).to.equal(index);
  });

  it('frees the index of a node that is gone, and lets it rest', async () => {
    site.start();
    await site.client.create(multiNicNetworks, network('leaving'));
    await addHosts(['n-0', 'n-1', 'n-2']);
    const before = await allIndexed('leaving', 3);
    const [leaving, highest] = [1, 2].map(index => [...before].find(([, i]) => i === index)?.[0] ?? '');
    await site.client.delete(nodes, { name: leaving! });
    await allIndexed('leaving', 2);
    expect(await site.client.find(hostInterfaces, { name: leaving! })).to.equal(undefined);
    await addHosts(['n-4']);
    const after = await allIndexed('leaving', 3);
    expect(after.get('n-4')).to.equal(3);
    expect(after.get(highest!)).to.equal(2);
  });

  it('gives nobody else the index of a node that was gone a moment ago, unless no other is left', async () => {
    site.start({ hostIndexRestMs: 600_000 });
    // hostBlock 2: four indexes.
    await site.client.create(multiNicNetworks, network('resting', {}, { hostBlock: 2 }));
    await addHosts(['n-0']);
    await allIndexed('resting', 1);
    await addHosts(['n-1']);
    await allIndexed('resting', 2);
    const leave = async (name: string): Promise<void> => {
      await site.client.delete(nodes, { name });
      const host = (): Promise<unknown> => site.client.find(hostInterfaces, { name });
      await eventually('its HostInterface to be deleted', async () => (await host()) === undefined);
    };
    await leave('n-1');
    await addHosts(['n-2']);
    const others = await allIndexed('resting', 3);
    expect([...others].sort()).to.deep.equal([
      ['n-0', 0],
      ['n-1', 1],
      ['n-2', 2],
    ]);
    await addHosts(['n-1', 'n-3']);
    const back = await allIndexed('resting', 4);
    expect([back.get('n-1'), back.get('n-3')]).to.deep.equal([1, 3]);
    await leave('n-0');
    await addHosts(['n-4']);
    await eventually('n-4 to have the index of n-0', async () => (await site.seen.indexes('resting')).get('n-4') === 0);
  });

  it('frees it when it has rested, though nothing else happens then', async () => {
    site.start({ hostIndexRestMs: 3_000 });
    await site.client.create(multiNicNetworks, network('rested'));
    await addHosts(['n-0', 'n-1']);
    await allIndexed('rested', 2);
    await site.client.delete(nodes, { name: 'n-1' });
    expect((await allIndexed('rested', 1)).has('n-0')).to.equal(true);
  });

  it('goes on in a second replica when the leader is killed, with every index where it was', async () => {
    const env = { ...process.env, KUBECONFIG: site.cluster.kubeconfig, LOG_LEVEL: 'error' };
    const leader = spawn(process.execPath, [main], { env, stdio: ['ignore', 'inherit', 'inherit'] });
    try {
      await site.client.create(multiNicNetworks, network('failover'));
      await addHosts(['n-0', 'n-1']);
      const before = await allIndexed('failover', 2);
      const second = site.start();
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
    site.start();
    // hostBlock 2: four indexes, of which the first is excluded on the first interface (10.200.0.0/20 of 10.200.0.0/18).
    const ipam = { hostBlock: 2, excludeCIDRs: ['10.200.0.0/20'] };
    await site.client.create(multiNicNetworks, network('full', {}, ipam));
    await addHosts(['n-0', 'n-1', 'n-2', 'n-3']);
    expect([...(await allIndexed('full', 3)).values()].sort()).to.deep.equal([1, 2, 3]);
    const condition = await eventually('condition HostIndexesFull', async () => {
      const condition = await site.seen.condition('full', 'HostsAllocated');
      return condition?.reason === 'HostIndexesFull' && condition;
    });
    expect(condition.message).to.contain('1 of 4 hosts').and.contain('hostBlock 2 gives 4');
    expect((await site.seen.status('full'))?.configStatus).to.equal('Failed');
    await eventually('event', async () => (await site.seen.reasons('full')).includes('HostIndexesFull'));
  });

  it('gives the indexes of NICs that are gone to new ones, when none is left and nobody holds addresses under them', async () => {
    site.start({ interfaceAbsenceMs: 1_000, statusIntervalMs: 50 });
    const name = 'readdressed';
    // Two indexes: 10.200.0.0/17 and 10.200.128.0/17.
    await site.client.create(multiNicNetworks, network(name, { masterNets: ['172.20.0.0/16'] }, { interfaceBlock: 1 }));
    await addHosts(['n-0', 'n-1']);
    await allIndexed(name, 2);
    const subnets = async (): Promise<string[]> =>
      (await site.seen.status(name))?.interfaces?.map(({ netAddress }) => netAddress) ?? [];
    const message = async (): Promise<string> => (await site.seen.condition(name, 'HostsAllocated'))?.message ?? '';
    const subnetsAre = (...wanted: string[]) =>
      eventually(`indexes of ${wanted.join()}`, async () => isDeepStrictEqual(await subnets(), wanted));
    const says = (part: string) => eventually(`"${part}"`, async () => (await message()).includes(part));
    await subnetsAre('172.20.1.0/24', '172.20.2.0/24');
    await createPool(name, 'n-0', '10.200.0.65/17');
    const stray = [{ netAddress: '172.20.1.0/24', addresses: ['10.200.0.70/17'] }];
    const element = JSON.stringify([{ name, 'cni-args': { [attachmentsKey]: stray } }]);
    await site.client.create(pods, podNamed('stray', { [annotation.networks]: element }));

    const readdress = async (hostName: string): Promise<void> => {
      const { spec } = host(hostName, Number(hostName.split('-')[1]));
      const text = JSON.stringify(spec).replaceAll('172.20.', '172.20.1');
      await site.client.patch(hostInterfaces, { name: hostName }, 'merge', { spec: JSON.parse(text) as object });
    };
    await readdress('n-0');
    await says('no interface index is left for 172.20.11.0/24 (NIC 1 of a host), 172.20.12.0/24 (NIC 1 of a host)');
    await sleep(2_000);
    expect(await subnets(), 'n-1 has them').to.deep.equal(['172.20.1.0/24', '172.20.2.0/24']);
    expect(await message()).not.to.contain('gone since');

    await readdress('n-1');
    await subnetsAre('172.20.1.0/24', '172.20.11.0/24');
    await says('is kept: pod default/n-0 holds 10.200.0.65 (ippool readdressed.n-0)');
    await site.client.delete(ipPools, { name: nodePoolName(name, 'n-0') });
    await says('is kept: pod default/stray has 10.200.0.70, which no record explains');
    await site.client.delete(pods, { namespace: 'default', name: 'stray' }, { gracePeriodSeconds: 0 });
    await subnetsAre('172.20.12.0/24', '172.20.11.0/24');
    await eventually('success', async () => (await site.seen.status(name))?.configStatus === 'Success');
    await eventually('event', async () => (await site.seen.reasons(name)).includes('InterfaceIndexReused'));
  });

  it('starts anew for a network that was deleted and made again', async () => {
    site.start();
    await site.client.create(multiNicNetworks, network('again'));
    await addHosts(['n-1', 'n-0']);
    await allIndexed('again', 2);
    await site.client.delete(multiNicNetworks, { name: 'again' });
    await allIndexed('again', 0);
    await site.client.create(multiNicNetworks, network('again'));
    await allIndexed('again', 2);
  });

  it('starts anew where that was faster than its pages went: nobody takes what these say for the new network’s', async () => {
    const leader = site.start();
    await site.client.create(multiNicNetworks, network('quickly'));
    await addHosts(['n-1']);
    await allIndexed('quickly', 1);
    await addHosts(['n-0']);
    expect((await allIndexed('quickly', 2)).get('n-0')).to.equal(1);
    await leader.stop();
    await site.client.delete(multiNicNetworks, { name: 'quickly' });
    const { metadata } = await site.client.create(multiNicNetworks, network('quickly'));
    expect((await site.client.list(cidrs)).items).to.have.length(1);
    await using watched = watchedView(site.client);
    const { view } = watched;
    await eventually('the copies', () => view.synced());
    expect(view.network('quickly')?.object.metadata.uid).to.equal(metadata.uid);
    expect(view.hostIndexes('quickly').get('n-0')).to.equal(undefined);
    site.start();
    await eventually('n-0 to be the first', () => view.hostIndexes('quickly').get('n-0') === 0);
  });

  it('deletes the pool of a node that is gone, and keeps the others', async () => {
    await site.client.create(multiNicNetworks, network('pools'));
    await addHosts(['n-0', 'n-1']);
    for (const hostName of ['n-0', 'n-1']) {
      const spec = { network: 'pools', hostName, blocks: [] };
      await site.client.create(ipPools, { apiVersion: '', kind: '', metadata: { name: `pools.${hostName}` }, spec });
    }
    await site.client.delete(nodes, { name: 'n-1' });
    site.start();
    await eventually('no pool of n-1', async () => (await site.seen.pool('pools.n-1')) === undefined);
    expect(await site.seen.pool('pools.n-0')).not.to.equal(undefined);
  });
});
