import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { label } from '../../core/api/names.ts';
import type { Allocation, IPPoolSpec } from '../../core/api/types.ts';
import { formatPool, readPool } from '../../core/pool/content.ts';
import { hostInterfaces, ipPools, leases, multiNicNetworks, nodes, type Pod, pods } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { startReleasers } from '../faults/releasers.ts';
import { lease } from '../kube/support.ts';
import { controllerSite } from './site.ts';
import { allocation, createPoolWith, createSpoiltPool, host, network, podNamed } from './support.ts';

const endedContainer = {
  ...{ name: 'main', image: 'none', imageID: '', ready: false, restartCount: 0 },
  state: { terminated: { exitCode: 143 } },
};

describe('Sweeps of what pods held, against a real API server', function () {
  this.timeout(120_000);
  const site = controllerSite('sweeps');

  const resourceIs = (node: string, name: string, wanted: string | undefined) =>
    eventually(`${node} has ${wanted} of ${name}`, async () => (await site.seen.resource(node, name)) === wanted);

  it('releases what is given to a pod that is gone already, as soon as it is given', async () => {
    await site.controller.stop();
    site.start({ sweepIntervalMs: 3_600_000 });
    await site.client.create(multiNicNetworks, network('late', {}, { hostBlock: 0 }));
    const name = 'late.page.0';
    await createPool(name, { network: 'late', page: 0, blocks: [] }, []);
    const give = async (uid: string, pod: string): Promise<void> => {
      const pool = await site.client.get(ipPools, { name });
      const content = readPool(pool);
      const allocations = [...content.allocations, allocation(uid, pod)];
      await site.client.updateStatus(ipPools, { ...pool, status: formatPool({ ...content, allocations }) });
    };
    const isReleased = async (pod: string): Promise<boolean> =>
      readPool(await site.client.get(ipPools, { name })).allocations.every(
        record => record.name !== pod || record.state === 'Released',
      );
    let probes = 0;
    const leaderSees = (): Promise<true> =>
      eventually('the leader sees pods come and go', async () => {
        const probe = `probe-${probes++}`;
        const { metadata } = await site.client.create(pods, podNamed(probe, {}));
        await give(metadata.uid ?? '', probe);
        await site.client.delete(pods, metadata, { gracePeriodSeconds: 0 });
        await sleep(2_000);
        return isReleased(probe);
      });
    await leaderSees();
    const { metadata } = await site.client.create(pods, podNamed('late', {}));
    await site.client.delete(pods, metadata, { gracePeriodSeconds: 0 });
    await leaderSees();
    await give(metadata.uid ?? '', 'late');
    await eventually('the release', () => isReleased('late'));
  });

  it('releases what the first pod of a network held, though it is gone as soon as there is a page', async () => {
    await site.controller.stop();
    site.start();
    await site.cluster.addFakeNodes([{ name: 'n-0' }]);
    await site.client.create(hostInterfaces, host('n-0', 0));
    await site.client.create(multiNicNetworks, network('first', { subnet: '10.202.0.0/20' }, { hostBlock: 0 }));
    await resourceIs('n-0', 'first', '1022');
    const { metadata } = await site.client.create(pods, podNamed('brief', {}, 'n-0'));
    await createPool('first.page.0', { network: 'first', page: 0, blocks: [] }, [
      allocation(metadata.uid ?? '', 'brief'),
    ]);
    await site.client.delete(pods, metadata, { gracePeriodSeconds: 0 });
    await eventually('the release', async () => {
      const { allocations } = readPool(await site.seen.pool('first.page.0'));
      return allocations.every(({ state }) => state === 'Released');
    });
  });

  it('releases the pages of pods that are gone, but not while their node may still run them', async () => {
    await site.client.create(multiNicNetworks, network('paged', {}, { hostBlock: 0 }));
    await site.cluster.addFakeNodes([{ name: 'n-0' }, { name: 'cut-off' }, { name: 'fenced' }, { name: 'leased' }]);
    await site.client.create(leases, lease('leased', {}, 'kube-node-lease'));
    const alive = await site.client.create(pods, podNamed('alive', {}, 'n-0'));
    const lost = await site.client.create(pods, podNamed('lost', {}, 'cut-off'));
    const off = await site.client.create(pods, podNamed('off', {}, 'fenced'));
    const gone = await site.client.create(pods, podNamed('gone', {}, 'n-0'));
    const unmarked = await site.client.create(pods, podNamed('unmarked', {}, 'n-0'));
    const finished = await site.client.create(pods, podNamed('finished', {}, 'n-0'));
    const failing = await site.client.create(pods, podNamed('failing', {}, 'leased'));
    const tell = ({ metadata }: Pod, status: object): Promise<Pod> =>
      site.client.patch(pods, metadata, 'merge', { status }, { subresource: 'status' });
    await tell(finished, { phase: 'Succeeded' });
    // As kubelets before 1.27 at the end of activeDeadlineSeconds.
    const container = { name: 'main', image: 'none', imageID: '', ready: false, restartCount: 0 };
    await tell(failing, { phase: 'Failed', containerStatuses: [{ ...container, state: { running: {} } }] });
    const records = [alive, lost, off, gone, unmarked, finished, failing].map(({ metadata }) =>
      allocation(metadata.uid ?? '', metadata.name),
    );
    await createPool('paged.page.0', { network: 'paged', page: 0, blocks: [] }, records);
    const held = (names: string[]) =>
      eventually(`held by ${names.join()}`, async () => {
        const records = readPool(await site.seen.pool('paged.page.0')).allocations;
        const live = records.filter(({ state }) => state !== 'Released').map(({ name }) => name);
        return JSON.stringify(live) === JSON.stringify(names) && live;
      });
    // Until then the controller has seen all of them, and knows their nodes.
    await held(['alive', 'lost', 'off', 'gone', 'unmarked', 'failing']);
    const conditions = [{ type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown', message: '' }];
    for (const name of ['cut-off', 'fenced'])
      await site.client.patch(nodes, { name }, 'merge', { status: { conditions } }, { subresource: 'status' });
    // A watch by label tells of it as of a deletion.
    await site.client.patch(pods, unmarked.metadata, 'merge', { metadata: { labels: { [label.injected]: null } } });
    for (const { metadata } of [lost, off, gone]) await site.client.delete(pods, metadata, { gracePeriodSeconds: 0 });
    await held(['alive', 'lost', 'off', 'unmarked', 'failing']);
    // Whoever sets it has seen to it that the node is off.
    const taints = [{ key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' }];
    await site.client.patch(nodes, { name: 'fenced' }, 'merge', { spec: { taints } });
    await held(['alive', 'lost', 'unmarked', 'failing']);
    await site.client.delete(nodes, { name: 'cut-off' });
    await held(['alive', 'unmarked', 'failing']);
    await tell(failing, { containerStatuses: [{ ...container, state: { terminated: { exitCode: 137 } } }] });
    await held(['alive', 'unmarked']);
    for (const { metadata } of [alive, unmarked, finished, failing])
      await site.client.delete(pods, metadata, { gracePeriodSeconds: 0 });
  });

  it('keeps no page from being swept by others that somebody has spoilt', async () => {
    await site.client.create(multiNicNetworks, network('spoilt', { subnet: '10.205.0.0/20' }, { hostBlock: 0 }));
    await site.cluster.addFakeNodes([{ name: 'n-0' }]);
    const { metadata } = await site.client.create(pods, podNamed('ended', {}, 'n-0'));
    const records = [allocation(metadata.uid ?? '', 'ended')];
    const page = (number: number): IPPoolSpec => ({ network: 'spoilt', page: number, blocks: [] });
    const spoilt = ['spoilt.page.0', 'spoilt.page.1', 'spoilt.page.2', 'spoilt.page.3'];
    const lines = await Promise.all(
      spoilt.map((name, number) => createSpoiltPool(site.client, name, page(number), records)),
    );
    await createPool('spoilt.page.4', page(4), records);
    await site.client.patch(pods, metadata, 'merge', { status: { phase: 'Succeeded' } }, { subresource: 'status' });
    await eventually('the release', async () => {
      const { allocations } = readPool(await site.seen.pool('spoilt.page.4'));
      return allocations.every(({ state }) => state === 'Released');
    });
    const left = await Promise.all(spoilt.map(name => site.seen.pool(name)));
    expect(left.map(pool => pool?.status?.allocations)).to.deep.equal(lines);
    await site.client.delete(pods, metadata, { gracePeriodSeconds: 0 });
  });

  it('releases what pods held that their kubelet has refused', async () => {
    await site.client.create(multiNicNetworks, network('refused', { subnet: '10.204.0.0/20' }, { hostBlock: 0 }));
    await site.cluster.addFakeNodes([{ name: 'older' }, { name: 'newer' }]);
    const records: Allocation[] = [];
    for (const [node, kubeletVersion] of [
      ['older', 'v1.26.15'],
      ['newer', 'v1.27.1+k3s1'],
    ] as const) {
      await site.client.create(leases, lease(node, {}, 'kube-node-lease'));
      const nodeInfo = { kubeletVersion };
      await site.client.patch(nodes, { name: node }, 'merge', { status: { nodeInfo } }, { subresource: 'status' });
      const { metadata } = await site.client.create(pods, podNamed(`on-${node}`, {}, node));
      records.push(allocation(metadata.uid ?? '', metadata.name));
      // Kubernetes pkg/kubelet, rejectPod: there is nothing of containers, nor was there with evicted ones in older kubelets.
      const status = { phase: 'Failed', reason: 'UnexpectedAdmissionError', message: 'Pod was rejected: no devices' };
      await site.client.patch(pods, metadata, 'merge', { status }, { subresource: 'status' });
    }
    await createPool('refused.page.0', { network: 'refused', page: 0, blocks: [] }, records);
    await eventually('the release', async () => {
      const { allocations } = readPool(await site.seen.pool('refused.page.0'));
      const live = allocations.filter(({ state }) => state !== 'Released').map(({ name }) => name);
      return live.join() === 'on-older';
    });
    for (const name of ['on-older', 'on-newer'])
      await site.client.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 });
  });

  it('releases what pods held that a node has ended before it was shut down', async () => {
    await site.client.create(multiNicNetworks, network('ended', { subnet: '10.203.0.0/20' }, { hostBlock: 0 }));
    await site.cluster.addFakeNodes([{ name: 'off' }]);
    // As the kubelet itself says (KEP-2000); when it has been silent for long, the control plane says Unknown.
    const conditions = [
      { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: 'node is shutting down' },
    ];
    await site.client.patch(nodes, { name: 'off' }, 'merge', { status: { conditions } }, { subresource: 'status' });
    const { metadata } = await site.client.create(pods, podNamed('ended', {}, 'off'));
    const record = allocation(metadata.uid ?? '', 'ended');
    await createPool('ended.page.0', { network: 'ended', page: 0, blocks: [] }, [record]);
    const status = { phase: 'Failed', reason: 'Terminated', containerStatuses: [endedContainer] };
    await site.client.patch(pods, metadata, 'merge', { status }, { subresource: 'status' });
    await eventually('the release', async () => {
      const { allocations } = readPool(await site.seen.pool('ended.page.0'));
      return allocations.every(({ state }) => state === 'Released');
    });
    await site.client.delete(pods, metadata, { gracePeriodSeconds: 0 });
  });

  it('releases what deleted pods held that only a finalizer keeps, and whose containers have ended', async () => {
    await site.client.create(multiNicNetworks, network('kept', { subnet: '10.205.0.0/20' }, { hostBlock: 0 }));
    await site.cluster.addFakeNodes([{ name: 'keeper' }]);
    const pod = podNamed('kept', {}, 'keeper');
    const finalizers = ['example.com/backup'];
    const { metadata } = await site.client.create(pods, { ...pod, metadata: { ...pod.metadata, finalizers } });
    await createPool('kept.page.0', { network: 'kept', page: 0, blocks: [] }, [allocation(metadata.uid ?? '', 'kept')]);
    await site.client.delete(pods, metadata);
    // Before Kubernetes 1.27 kubelets leave it at that.
    const status = { phase: 'Running', containerStatuses: [endedContainer] };
    await site.client.patch(pods, metadata, 'merge', { status }, { subresource: 'status' });
    await eventually('the release', async () => {
      const { allocations } = readPool(await site.seen.pool('kept.page.0'));
      return allocations.every(({ state }) => state === 'Released');
    });
    await site.client.patch(pods, metadata, 'merge', { metadata: { finalizers: null } });
    await site.client.delete(pods, metadata, { gracePeriodSeconds: 0 });
  });

  it('has agents release what no pod has, whatever the time of who gave it was', async () => {
    await site.client.create(multiNicNetworks, network('dated'));
    await site.cluster.addFakeNodes([{ name: 'n-0' }]);
    await site.client.create(hostInterfaces, host('n-0', 0));
    const since = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString();
    const records = [-1, 0, 40].map(days => ({ ...allocation(`u${days}`, `p${days}`), since: since(days) }));
    await createPool('dated.n-0', { network: 'dated', hostName: 'n-0', blocks: [] }, records);
    await using parts = new AsyncDisposableStack();
    parts.use(await startReleasers(site.cluster, ['n-0']));
    await eventually('the releases', async () =>
      readPool(await site.seen.pool('dated.n-0')).allocations.every(({ state }) => state === 'Released'),
    );
  });

  it('keeps what a deleted Node had while pods are bound to it: it may be added again', async () => {
    await site.client.create(multiNicNetworks, network('kept'));
    await site.cluster.addFakeNodes([{ name: 'n-0' }]);
    await site.client.create(hostInterfaces, host('n-0', 0));
    await resourceIs('n-0', 'kept', '62');
    const pod = await site.client.create(pods, podNamed('bound', {}, 'n-0'));
    const record = allocation(pod.metadata.uid ?? '', 'bound');
    await createPool('kept.n-0', { network: 'kept', hostName: 'n-0', blocks: [] }, [record]);
    await site.client.delete(nodes, { name: 'n-0' });
    for (const node of ['gone-1', 'gone-2']) {
      await createPool(`kept.${node}`, { network: 'kept', hostName: node, blocks: [] }, []);
      await eventually('a sweep', async () => (await site.seen.pool(`kept.${node}`)) === undefined);
    }
    expect(readPool(await site.seen.pool('kept.n-0')).allocations).to.have.length(1);
    expect((await site.seen.indexes('kept')).has('n-0')).to.equal(true);
    await site.client.delete(pods, pod.metadata, { gracePeriodSeconds: 0 });
    await eventually('the pool to go', async () => (await site.seen.pool('kept.n-0')) === undefined);
    await eventually('the index to go', async () => !(await site.seen.indexes('kept')).has('n-0'));
  });

  function createPool(name: string, spec: IPPoolSpec, allocations: Allocation[]): Promise<void> {
    return createPoolWith(site.client, name, spec, allocations);
  }
});
