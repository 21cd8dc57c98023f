import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import pino from 'pino';
import { withAttachments } from '../../core/annotation/attachments.ts';
import { formatNetworks } from '../../core/annotation/networks.ts';
import { annotation } from '../../core/api/names.ts';
import type { Allocation, IPPool } from '../../core/api/types.ts';
import { readPool } from '../../core/pool/content.ts';
import { ipPools, multiNicNetworks, nodes, pods } from '../../kube/api/resources.ts';
import { Informer } from '../../kube/watch/informer.ts';
import { eventually } from '../eventually.ts';
import { controllerSite, reservationMs } from './site.ts';
import { createPoolWith, createSpoiltPool, network, old, podNamed } from './support.ts';

describe('Reservations whose confirmation was lost, against a real API server', function () {
  this.timeout(180_000);
  const site = controllerSite('reservations');

  it('settles reservations: of a pod that exists they become its own, others are released', async () => {
    await site.client.create(multiNicNetworks, network('reserved'));
    await site.cluster.addFakeNodes([{ name: 'n-0' }]);
    const given = withAttachments({ name: 'reserved' }, reservation('r-1', 'waiting', old()).nics);
    const carried = { [annotation.reservation]: 'r-1', [annotation.networks]: formatNetworks([given]) };
    const pod = await site.client.create(pods, podNamed('waiting', carried));
    // Another webhook has moved it there after ours.
    const onHost = podNamed('on-host', { ...carried, [annotation.reservation]: 'r-4' });
    await site.client.create(pods, { ...onHost, spec: { ...onHost.spec, hostNetwork: true } });
    // What somebody has broken is left as it is, and keeps nothing else from being settled.
    const spec = { network: 'reserved', hostName: 'n-0', blocks: [] };
    const broken = ['reserved.a', 'reserved.b', 'reserved.c', 'reserved.d'];
    const lines = await Promise.all(
      broken.map(name => createSpoiltPool(site.client, name, spec, [reservation('r-3', 'refused', old())])),
    );
    broken.push('reserved.e');
    lines.push(await createSpoiltPool(site.client, 'reserved.e', spec, [], 'Reserved and no more'));
    const created = performance.now();
    await createPoolWith(site.client, 'reserved.n-0', spec, [
      // Written by somebody whose clock is wrong: how long they wait is measured here.
      reservation('r-1', 'waiting', old()),
      reservation('r-2', 'refused', new Date(Date.now() + 3_600_000).toISOString()),
      { ...reservation('r-1', 'on-host', old()), reservation: 'r-4' },
    ]);
    const records = async (): Promise<Record<string, Allocation>> => {
      const { allocations } = readPool(await site.seen.pool('reserved.n-0'));
      return Object.fromEntries(allocations.map(record => [record.reservation ?? '', record]));
    };
    // Each sweep begins with the pools of nodes that are gone: after the second one, reservations have been looked at.
    for (const node of ['gone-1', 'gone-2']) {
      await createPoolWith(site.client, `reserved.${node}`, { network: 'reserved', hostName: node, blocks: [] }, []);
      await eventually('a sweep', async () => (await site.seen.pool(`reserved.${node}`)) === undefined);
    }
    const early = Object.values(await records()).map(({ state }) => state);
    // On a busy machine the sweeps may have taken as long as reservations wait.
    if (performance.now() - created < reservationMs) expect(early).to.deep.equal(Array(3).fill('Reserved'));
    const states = await eventually('all settled', async () => {
      const states = await records();
      return ['r-1', 'r-2', 'r-4'].every(id => states[id]?.state !== 'Reserved') && states;
    });
    expect(states['r-1']).to.deep.include({ state: 'Allocated', podUID: pod.metadata.uid });
    for (const id of ['r-2', 'r-4']) expect(states[id]?.state ?? 'Released').to.equal('Released');
    const left = await Promise.all(broken.map(name => site.seen.pool(name)));
    expect(left.map(pool => pool?.status?.allocations)).to.deep.equal(lines);
    await site.client.delete(pods, pod.metadata, { gracePeriodSeconds: 0 });
  });

  it('gives back what was reserved for an interface that another webhook has given to somebody else’s network since', async () => {
    const name = 'moved';
    await site.client.create(multiNicNetworks, network(name));
    await site.cluster.addFakeNodes([{ name: 'n-0' }]);
    const kept = { ...reservation('r-2', name, old()), reservation: 'r-1', interface: 'net2' };
    const elements = formatNetworks([{ name: 'foreign' }, withAttachments({ name }, kept.nics)]);
    const carried = { [annotation.reservation]: 'r-1', [annotation.networks]: elements };
    const pod = await site.client.create(pods, podNamed(name, carried));
    const spec = { network: name, hostName: 'n-0', blocks: [] };
    await createPoolWith(site.client, 'moved.n-0', spec, [kept, reservation('r-1', name, old())]);
    const states = await eventually('both settled', async () => {
      const { allocations } = readPool(await site.seen.pool('moved.n-0'));
      return allocations.every(({ state }) => state !== 'Reserved') && allocations;
    });
    expect(states.map(record => [record.interface, record.state])).to.have.deep.members([
      ['net1', 'Released'],
      ['net2', 'Allocated'],
    ]);
    await site.client.delete(pods, pod.metadata, { gracePeriodSeconds: 0 });
  });

  it('settles hundreds of one page in a few writes', async () => {
    const name = 'hundreds.page.0';
    const count = 300;
    await site.client.create(multiNicNetworks, network('hundreds', {}, { hostBlock: 0 }));
    const records = Array.from({ length: count }, (_, i) => reservation(`r-${i + 1}`, `lost-${i}`, old()));
    await createPoolWith(site.client, name, { network: 'hundreds', page: 0, blocks: [] }, records);
    const stopping = new AbortController();
    let writes = 0;
    const informer = new Informer<IPPool>({
      client: site.client,
      resource: ipPools,
      logger: pino({ level: 'silent' }),
      fieldSelector: `metadata.name=${name}`,
    });
    informer.addHandlers({ updated: () => void writes++ });
    const watching = informer.start(stopping.signal);
    try {
      await informer.synced;
      await eventually('all released', () => {
        const pool = informer.get({ name });
        return pool && readPool(pool).allocations.every(({ state }) => state === 'Released');
      });
    } finally {
      stopping.abort();
      await watching;
    }
    expect(writes).to.be.within(1, 30);
  });

  it('releases what a pod held that was refused after admission, though a node has been cut off since before', async () => {
    await site.controller.stop();
    site.start({ recordGraceMs: 2_000 });
    await site.cluster.addFakeNodes([{ name: 'n-0' }, { name: 'dead' }]);
    const hourAgo = new Date(Date.now() - 3_600_000);
    const transition = { lastTransitionTime: `${hourAgo.toISOString().slice(0, 19)}Z` };
    const conditions = [{ type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown', message: '', ...transition }];
    await site.client.patch(nodes, { name: 'dead' }, 'merge', { status: { conditions } }, { subresource: 'status' });
    await site.client.create(multiNicNetworks, network('refused', {}, { hostBlock: 0 }));
    const held = (number: number, since: Date): Allocation => {
      const record = reservation(`r-${number}`, `pod-${number}`, since.toISOString());
      return { ...record, podUID: `uid-${number}`, state: 'Allocated' };
    };
    const byAgent = held(3, new Date());
    delete byAgent.reservation;
    const records = [held(1, new Date()), held(2, hourAgo), byAgent];
    await createPoolWith(site.client, 'refused.page.0', { network: 'refused', page: 0, blocks: [] }, records);
    const live = async (): Promise<string[]> => {
      const { allocations } = readPool(await site.seen.pool('refused.page.0'));
      return allocations.filter(({ state }) => state !== 'Released').map(({ name }) => name);
    };
    await eventually('the release', async () => !(await live()).includes('pod-1'));
    // The others may run on that node: one was created before, one may have been, as it was given its addresses there.
    await sleep(3_000);
    expect(await live()).to.deep.equal(['pod-2', 'pod-3']);
  });
});

function reservation(id: string, name: string, since: string): Allocation {
  const [, number = ''] = id.split('-');
  const host = Number(number);
  const nics = [{ netAddress: '172.20.1.0/24', addresses: [`10.200.${host >> 8}.${host & 255}/18`] }];
  return { podUID: '', reservation: id, namespace: 'default', name, interface: 'net1', nics, state: 'Reserved', since };
}
