import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { annotation, apiVersion, attachmentsKey, label } from '../../core/api/names.ts';
import { nodePoolName, pagePoolName } from '../../core/pool/name.ts';
import { cidrs, hostInterfaces, multiNicNetworks, namespaces, pods } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { applyManifests } from '../system/apply.ts';
import { indexedHosts } from './indexedHosts.ts';
import { controllerSite } from './site.ts';
import { createNamespace, host, inParallel, network, podNamed } from './support.ts';

describe('Host blocks that were lost, against a real API server', function () {
  this.timeout(120_000);
  const site = controllerSite('restored-blocks', { controllers: 'each' });
  const { addHosts, allIndexed, createPool } = indexedHosts(site);

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
    await eventually(
      'the leader to know the pools',
      async () => (await site.seen.status('taken-away'))?.addresses?.used === 2,
    );
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
    expect(pool?.status?.allocations?.join(), 'before others can take from it').to.contain('default/decided net1');
    await eventually('NICs', async () => (await interfaces())?.length === 2);
    expect((await interfaces())?.join()).to.equal(wasFirst);
    for (const pod of [
      { namespace: 'default', name: 'decided' },
      { namespace: 'aaa', name: 'aaa' },
    ]) {
      await site.client.delete(pods, pod, { gracePeriodSeconds: 0 });
    }
  });

  it('puts records back into the pages of a network with hostBlock 0 that is new, before anybody can take from them', async () => {
    const name = 'node-independent';
    const labels = { [label.injection]: 'enabled' };
    await site.client.patch(namespaces, { name: 'default' }, 'merge', { metadata: { labels } });
    const made = { bound: '10.200.0.9', waiting: '10.200.1.7', next: '10.200.0.10' };
    for (const [pod, address] of Object.entries(made)) {
      const nics = [{ netAddress: '172.20.1.0/24', addresses: [`${address}/18`] }];
      const element = JSON.stringify([{ name, 'cni-args': { [attachmentsKey]: nics } }]);
      const node = pod === 'waiting' ? undefined : 'n-0';
      await site.client.create(pods, podNamed(pod, { [annotation.networks]: element }, node));
    }
    await addHosts(['n-0']);
    await site.client.create(multiNicNetworks, network(name, {}, { hostBlock: 0 }));
    site.start();
    await eventually('indexes of NICs', async () => ((await site.seen.status(name))?.interfaces ?? []).length === 2);
    const pages = await Promise.all([0, 1].map(page => site.seen.pool(pagePoolName(name, page))));
    const records = pages.map(page => (page?.status?.allocations ?? []).map(text => text.split(' ')[1]).sort());
    expect(records).to.deep.equal([['default/bound', 'default/next'], ['default/waiting']]);
    for (const pod of Object.keys(made)) {
      await site.client.delete(pods, { namespace: 'default', name: pod }, { gracePeriodSeconds: 0 });
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
});
