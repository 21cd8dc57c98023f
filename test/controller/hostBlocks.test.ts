import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import { annotation, apiVersion, attachmentsKey, label } from '../../core/api/names.ts';
import { emptyPool, formatPool } from '../../core/pool/content.ts';
import { nodePoolName } from '../../core/pool/name.ts';
import { cidrs, hostInterfaces, ipPools, multiNicNetworks, namespaces, nodes, pods } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { applyManifests } from '../system/apply.ts';
import { controllerSite } from './site.ts';
import { createNamespace, host, inParallel, network, podNamed } from './support.ts';

const main = join(import.meta.dirname, '../../controller/main.ts');

describe('Host blocks, against a real API server', function () {
  this.timeout(120_000);
  const site = controllerSite('host-blocks', { controllers: 'each' });

  const addHosts = async (names: readonly string[]): Promise<void> => {
    await site.cluster.addFakeNodes(names.map(name => ({ name })));
    await inParallel(names, name => site.client.create(hostInterfaces, host(name, Number(name.split('-')[1]))));
  };

  const allIndexed = (name: string, count: number): Promise<ReadonlyMap<string, number>> =>
    eventually(`${count} hosts with an index in ${name}`, async () => {
      const indexes = await site.seen.indexes(name);
      return indexes.size === count && indexes;
    });

  /** A node's pool, in which a pod holds the address. */
  const createPool = async (of: string, hostName: string, address: string): Promise<void> => {
    const metadata = { name: nodePoolName(of, hostName) };
    const spec = { network: of, hostName, blocks: [] };
    const pool = await site.client.create(ipPools, { apiVersion, kind: 'IPPool', metadata, spec });
    const nics = [{ netAddress: '172.20.1.0/24', addresses: [address] }];
    const pod = { podUID: hostName, namespace: 'default', name: hostName, interface: 'net1', nics };
    const allocations = [{ ...pod, state: 'Allocated' as const, since: new Date().toISOString() }];
    await site.client.updateStatus(ipPools, { ...pool, status: formatPool({ ...emptyPool, allocations }) });
  };

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

  it('gives hosts the index back under which their pods hold addresses, when somebody deletes the pages', async () => {
    site.start();
    await site.client.create(multiNicNetworks, network('taken-away'));
    for (const [i, name] of ['n-2', 'n-1', 'n-0'].entries()) {
      await addHosts([name]);
      await allIndexed('taken-away', i + 1);
    }
    // 64 addresses a block: of the indexes 2 and 1, where 0 and 1 would be given anew.
    await createPool('taken-away', 'n-0', '10.200.0.129/18');
    await createPool('taken-away', 'n-1', '10.200.64.65/18');
    await site.client.delete(cidrs, { name: 'taken-away-0' });
    const after = await allIndexed('taken-away', 3);
    expect([after.get('n-0'), after.get('n-1')]).to.deep.equal([2, 1]);
  });

  it('gives them back, and NICs theirs, where the definitions were deleted, and all objects with them, while pods went on', async () => {
    site.start({ statusIntervalMs: 50 });
    const name = 'definitions-deleted';
    const interfaces = async () => (await site.seen.status(name))?.interfaces?.map(({ netAddress }) => netAddress);
    const both = host('n-2', 2);
    const second = { ...both, spec: { ...both.spec, interfaces: both.spec.interfaces.slice(1) } };
    await site.client.create(multiNicNetworks, network(name));
    await site.cluster.addFakeNodes([{ name: 'n-2' }]);
    await site.client.create(hostInterfaces, second);
    await eventually('the second NIC to be the first one', async () => (await interfaces())?.length === 1);
    await site.client.patch(hostInterfaces, { name: 'n-2' }, 'merge', { spec: both.spec });
    for (const [i, added] of ['n-1', 'n-0'].entries()) {
      await addHosts([added]);
      await allIndexed(name, i + 2);
    }
    const [before, wasFirst] = [await allIndexed(name, 3), '172.20.2.0/24,172.20.1.0/24'];
    await eventually('both NICs', async () => (await interfaces())?.join() === wasFirst);
    // 64 addresses a block, of the indexes 2 and 1.
    const nics = [
      { master: 'eth2', netAddress: '172.20.2.0/24', addresses: ['10.200.0.129/18'] },
      { master: 'eth1', netAddress: '172.20.1.0/24', addresses: ['10.200.64.129/18'] },
    ];
    const decided = JSON.stringify([{ name, 'cni-args': { [attachmentsKey]: nics } }]);
    const labels = { [label.injection]: 'enabled' };
    await site.client.patch(namespaces, { name: 'default' }, 'merge', { metadata: { labels } });
    await site.client.create(pods, podNamed('decided', { [annotation.networks]: decided }, 'n-0'));
    // Of a namespace without the label, where anybody can write that: the places of NICs, and another host's index.
    const forged = [0, 1, 2, 3].map(i => ({
      netAddress: `172.20.${i}.0/24`,
      addresses: [`10.200.${i * 64}.130/18`],
    }));
    const claims = JSON.stringify([{ name, 'cni-args': { [attachmentsKey]: forged } }]);
    const forger = podNamed('aaa', { [annotation.networks]: claims }, 'n-1');
    await createNamespace(site.client, 'aaa');
    await site.client.create(pods, { ...forger, metadata: { ...forger.metadata, namespace: 'aaa' } });
    await createPool(name, 'n-0', '10.200.0.129/18');

    const crds = ['multinicnetworks', 'cidrs', 'ippools', 'hostinterfaces'].map(crd => `${crd}.multinic.fms.io`);
    await site.cluster.kubectl(['delete', 'crd', ...crds]);
    await applyManifests(site.cluster, 'manifests/base/crds');
    await inParallel(['n-0', 'n-1', 'n-2'], hostName =>
      site.client.create(hostInterfaces, host(hostName, Number(hostName.split('-')[1]))),
    );
    await site.client.create(multiNicNetworks, network(name));
    const after = await allIndexed(name, 3);
    expect(after.get('n-0')).to.equal(2).and.to.equal(before.get('n-0'));
    const pool = await site.seen.pool(nodePoolName(name, 'n-0'));
    expect(pool?.status?.allocations.join(), 'before others can take from it').to.contain('default/decided net1');
    await eventually('NICs', async () => (await interfaces())?.length === 2);
    expect((await interfaces())?.join()).to.equal(wasFirst);
    for (const pod of [
      { namespace: 'default', name: 'decided' },
      { namespace: 'aaa', name: 'aaa' },
    ]) {
      await site.client.delete(pods, pod, { gracePeriodSeconds: 0 });
    }
  });

  it('goes on giving them back where the first pages were written, and the others refused', async () => {
    const name = 'half-written';
    const labels = { [label.injection]: 'enabled' };
    await site.client.patch(namespaces, { name: 'default' }, 'merge', { metadata: { labels } });
    // 64 addresses a block: of the indexes 0, of the first page, and 70, of the second.
    for (const [hostName, address] of [
      ['n-0', '10.200.17.129/18'],
      ['n-1', '10.200.0.1/18'],
    ] as const) {
      const nics = [{ master: 'eth1', netAddress: '172.20.1.0/24', addresses: [address] }];
      const element = JSON.stringify([{ name, 'cni-args': { [attachmentsKey]: nics } }]);
      await site.client.create(pods, podNamed(`half-${hostName}`, { [annotation.networks]: element }, hostName));
    }
    await site.client.create(multiNicNetworks, network('another', { subnet: '10.201.0.0/16' }));
    const inTheWay = { network: 'another', page: 1, hosts: [] };
    await site.client.create(cidrs, { apiVersion, kind: 'CIDR', metadata: { name: `${name}-1` }, spec: inTheWay });
    await addHosts(['n-0', 'n-1']);
    await site.client.create(multiNicNetworks, network(name));
    site.start();
    expect([...(await allIndexed(name, 1))]).to.deep.equal([['n-1', 0]]);
    // In which it tries again.
    await sleep(1_000);
    await site.client.delete(cidrs, { name: `${name}-1` });
    expect((await allIndexed(name, 2)).get('n-0')).to.equal(70);
    for (const pod of ['half-n-0', 'half-n-1']) {
      await site.client.delete(pods, { namespace: 'default', name: pod }, { gracePeriodSeconds: 0 });
    }
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
