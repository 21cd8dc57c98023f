import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import pino from 'pino';
import { bandwidthResourceName, extendedResourceName, label, nicCountLabel } from '../../core/api/names.ts';
import type { Allocation, IPPoolSpec, MultiNicNetwork } from '../../core/api/types.ts';
import { formatPool, readPool } from '../../core/pool/content.ts';
import { Informer } from '../../kube/watch/informer.ts';
import {
  hostInterfaces,
  ipPools,
  leases,
  multiNicNetworks,
  nodes,
  pods,
  type Node,
  type Pod,
} from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { startReleasers } from '../faults/releasers.ts';
import { lease } from '../kube/support.ts';
import { createPoolWith, host, inParallel, network, old, podNamed } from './support.ts';
import { controllerSite } from './site.ts';

describe('Node capacity and sweeps, against a real API server', function () {
  this.timeout(120_000);
  const site = controllerSite('node-capacity');

  const resourceIs = (node: string, name: string, wanted: string | undefined) =>
    eventually(`${node} has ${wanted} of ${name}`, async () => (await site.seen.resource(node, name)) === wanted);

  it('tells the scheduler how many attachments fit on a node', async () => {
    await site.cluster.addFakeNodes([{ name: 'n-0' }]);
    await site.client.create(hostInterfaces, host('n-0', 0));
    await site.client.create(multiNicNetworks, network('blocks'));
    await site.client.create(multiNicNetworks, network('pages', { subnet: '10.201.0.0/20' }, { hostBlock: 0 }));
    await site.client.create(
      multiNicNetworks,
      network('foreign', { ipam: '{"type":"whereabouts"}', multiNICIPAM: false }),
    );
    await site.client.create(multiNicNetworks, network('bare', { ipam: '', multiNICIPAM: false }));
    await resourceIs('n-0', 'blocks', '62');
    await resourceIs('n-0', 'pages', '1022');
    await eventually('n-0 to tell its NICs', async () => {
      const { metadata } = await site.client.get(nodes, { name: 'n-0' });
      return metadata.labels?.[nicCountLabel('bare')] === '2';
    });
    for (const name of ['foreign', 'bare']) expect(await site.seen.resource('n-0', name)).to.equal(undefined);

    await site.client.update(hostInterfaces, {
      ...host('n-0', 0, { down: true }),
      metadata: (await site.client.get(hostInterfaces, { name: 'n-0' })).metadata,
    });
    // Not 0, for which a restarted kubelet would fail the pods that it runs.
    await resourceIs('n-0', 'blocks', undefined);
    expect((await site.seen.condition('blocks', 'CapacityPublished'))?.status).to.equal('True');

    // What the kubelet does when it registers the node anew.
    const zero = { 'multinic.fms.io/pages': '0', cpu: '4' };
    await site.client.patch(nodes, { name: 'n-0' }, 'merge', { status: { capacity: zero } }, { subresource: 'status' });
    await resourceIs('n-0', 'pages', undefined);
    await site.client.delete(multiNicNetworks, { name: 'blocks' });
    await site.client.delete(hostInterfaces, { name: 'n-0' });
    await resourceIs('n-0', 'pages', undefined);
    expect((await site.client.get(nodes, { name: 'n-0' })).status?.capacity?.cpu).to.equal('4');
  });

  it('tells it of bandwidth and NICs, as links go down and come up, and of nothing where that is off', async () => {
    await site.cluster.addFakeNodes([{ name: 'n-bw' }]);
    const fast = host('n-bw', 7);
    for (const nic of fast.spec.interfaces) nic.speedMbps = 25_000;
    await site.client.create(hostInterfaces, fast);
    const attachPolicy = { strategy: 'costOpt' as const };
    await site.client.create(multiNicNetworks, network('wide', { subnet: '10.202.0.0/16', attachPolicy }));
    const told = async (): Promise<unknown[]> => {
      const { metadata, status } = await site.client.get(nodes, { name: 'n-bw' });
      const resource = 'mbps.multinic.fms.io/wide';
      return [
        status?.capacity?.[resource],
        status?.allocatable?.[resource],
        metadata.labels?.['nics.multinic.fms.io/wide'],
      ];
    };
    const tells = (...wanted: unknown[]) =>
      eventually(`n-bw to tell ${wanted.join()}`, async () => isDeepStrictEqual(await told(), wanted));
    await tells('50k', '50k', '2');

    const { metadata } = await site.client.get(hostInterfaces, { name: 'n-bw' });
    fast.spec.interfaces[0]!.linkState = 'down';
    await site.client.update(hostInterfaces, { ...fast, metadata });
    await tells('25k', '25k', '1');

    // What a pod has been bound for stays, or a restarted kubelet would fail it.
    fast.spec.interfaces[0]!.linkState = 'up';
    const raised = await site.client.get(hostInterfaces, { name: 'n-bw' });
    await site.client.update(hostInterfaces, { ...fast, metadata: raised.metadata });
    await tells('50k', '50k', '2');
    const wide = await site.client.create(pods, claimingPod('wide', 'n-bw', 'wide'));
    fast.spec.interfaces[0]!.linkState = 'down';
    const lowered = await site.client.get(hostInterfaces, { name: 'n-bw' });
    await site.client.update(hostInterfaces, { ...fast, metadata: lowered.metadata });
    await tells('40k', '40k', '2');
    expect(await site.seen.resource('n-bw', 'wide')).to.equal('1');
    await site.client.delete(pods, wide.metadata, { gracePeriodSeconds: 0 });
    await tells('25k', '25k', '1');
    expect(await site.seen.resource('n-bw', 'wide')).to.equal('62');

    await site.client.patch(multiNicNetworks, { name: 'wide' }, 'merge', { spec: { schedulerResources: false } });
    await tells(undefined, undefined, undefined);
    expect(await site.seen.resource('n-bw', 'wide')).to.equal(undefined);
    await site.client.delete(multiNicNetworks, { name: 'wide' });
    await site.client.delete(hostInterfaces, { name: 'n-bw' });
  });

  it('calls a network a success only when the scheduler can know every node', async () => {
    const names = Array.from({ length: 30 }, (_, i) => `n-${i}`);
    await site.cluster.addFakeNodes(names.map(name => ({ name })));
    await inParallel(names, name => site.client.create(hostInterfaces, host(name, Number(name.split('-')[1]))));
    // The API server counts one revision for all objects, so what came first can be told.
    const since = new Map<string, number>();
    const see = (key: string, { metadata }: { metadata: { resourceVersion?: string } }): void => {
      if (!since.has(key)) since.set(key, Number(metadata.resourceVersion));
    };
    await site.client.create(multiNicNetworks, network('late'));
    const logger = pino({ level: 'error' });
    const ofNetworks = new Informer({ client: site.client, resource: multiNicNetworks, logger });
    const onNetwork = (object: MultiNicNetwork): void => {
      if (object.status?.configStatus === 'Success') see('success', object);
    };
    ofNetworks.addHandlers({ added: onNetwork, updated: onNetwork });
    const ofNodes = new Informer({ client: site.client, resource: nodes, logger });
    const onNode = (node: Node): void => {
      if (node.status?.allocatable?.['multinic.fms.io/late'] !== undefined) see(node.metadata.name, node);
    };
    ofNodes.addHandlers({ added: onNode, updated: onNode });
    const stop = new AbortController();
    const running = Promise.all([ofNetworks.start(stop.signal), ofNodes.start(stop.signal)]);
    try {
      await eventually('success', () => Promise.resolve(since.has('success') && since.size === names.length + 1));
    } finally {
      stop.abort();
      await running;
    }
    const success = since.get('success') ?? 0;
    expect(names.filter(name => (since.get(name) ?? Infinity) > success)).to.deep.equal([]);
  });

  it('shows hosts and addresses of a network as metrics', async () => {
    await site.cluster.addFakeNodes([{ name: 'n-0' }, { name: 'n-1' }]);
    await site.client.create(hostInterfaces, host('n-0', 0));
    await site.client.create(hostInterfaces, host('n-1', 1));
    await site.client.create(multiNicNetworks, network('measured'));
    await resourceIs('n-1', 'measured', '62');
    await eventually('metrics', async () => {
      const text = await site.controller.metrics.registry.metrics();
      return (
        text.includes('multinic_network_hosts{network="measured"} 2') &&
        text.includes('multinic_network_addresses{network="measured",kind="capacity"} 124')
      );
    });
  });

  it('shows used addresses and capacity of a network in its columns', async () => {
    await site.cluster.addFakeNodes([{ name: 'n-0' }, { name: 'n-1' }]);
    await site.client.create(hostInterfaces, host('n-0', 0));
    await site.client.create(hostInterfaces, host('n-1', 1));
    await site.client.create(multiNicNetworks, network('counted'));
    await site.client.create(
      multiNicNetworks,
      network('foreign', { ipam: '{"type":"whereabouts"}', multiNICIPAM: false }),
    );
    await site.client.create(multiNicNetworks, network('bare', { ipam: '{}', multiNICIPAM: false }));
    const columnsAre = (wanted: string) =>
      eventually(`columns ${wanted}`, async () => {
        const { stdout } = await site.cluster.kubectl(['get', 'multinicnetworks', 'counted', 'foreign', 'bare']);
        const [header = '', ...rows] = stdout.trimEnd().split('\n');
        const [from, to] = [header.indexOf('USED'), header.indexOf('CONFIG')];
        const cells = rows.map(row => row.slice(from, to).trim().split(/ +/).join('/'));
        return cells.join() === wanted;
      });
    await columnsAre('0/124,,');
    const records = ['a', 'b'].map(name => allocation(name, name));
    await createPool('counted.n-0', { network: 'counted', hostName: 'n-0', blocks: [] }, records);
    await columnsAre('2/124,,');
    await site.client.delete(ipPools, { name: 'counted.n-0' });
    await columnsAre('0/124,,');
  });

  it('audits the cluster, and shows what it finds as metrics', async () => {
    await site.cluster.addFakeNodes([{ name: 'n-0' }]);
    await site.client.create(multiNicNetworks, network('audited'));
    const findings = async (): Promise<string[]> => {
      const text = await site.controller.metrics.registry.metrics();
      return text.split('\n').filter(line => line.startsWith('multinic_audit_findings'));
    };
    await eventually('an audit without findings', async () => {
      const lines = await findings();
      return lines.length === 6 && lines.every(line => line.endsWith(' 0'));
    });
    await createPool('audited.n-0', { network: 'audited', hostName: 'n-0', blocks: [] }, [
      { ...allocation('gone', 'gone'), since: new Date(Date.now() - 600_000).toISOString() },
    ]);
    await eventually('the leak', async () => (await findings()).includes('multinic_audit_findings{kind="leak"} 1'));
  });

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
    const terminated = { exitCode: 143 };
    const container = {
      name: 'main',
      image: 'none',
      imageID: '',
      ready: false,
      restartCount: 0,
      state: { terminated },
    };
    const status = { phase: 'Failed', reason: 'Terminated', containerStatuses: [container] };
    await site.client.patch(pods, metadata, 'merge', { status }, { subresource: 'status' });
    await eventually('the release', async () => {
      const { allocations } = readPool(await site.seen.pool('ended.page.0'));
      return allocations.every(({ state }) => state === 'Released');
    });
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

/** A pod that needs two NICs, and is promised 40 Gbit/s. */
function claimingPod(name: string, node: string, net: string): Pod {
  const pod = podNamed(name, {}, node);
  const quantities = { [extendedResourceName(net)]: '1', [bandwidthResourceName(net)]: '40k' };
  const resources = { limits: quantities, requests: quantities };
  const matchExpressions = [{ key: nicCountLabel(net), operator: 'Gt' as const, values: ['1'] }];
  const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] } };
  const containers = pod.spec.containers.map(container => ({ ...container, resources }));
  return { ...pod, spec: { ...pod.spec, containers, affinity: { nodeAffinity: required } } };
}

function allocation(podUID: string, name: string): Allocation {
  const nics = [{ netAddress: '172.20.1.0/24', addresses: ['10.200.0.9/18'] }];
  return { podUID, namespace: 'default', name, interface: 'net1', nics, state: 'Allocated', since: old() };
}
