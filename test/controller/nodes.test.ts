import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import pino from 'pino';
import { bandwidthResourceName, extendedResourceName, nicCountLabel } from '../../core/api/names.ts';
import type { Allocation, IPPoolSpec, MultiNicNetwork } from '../../core/api/types.ts';
import {
  events,
  hostInterfaces,
  ipPools,
  multiNicNetworks,
  mutatingWebhookConfigurations,
  type Node,
  nodes,
  type Pod,
  pods,
  validatingWebhookConfigurations,
} from '../../kube/api/resources.ts';
import { Informer } from '../../kube/watch/informer.ts';
import { eventually } from '../eventually.ts';
import { installWebhooks, removeWebhooks } from '../system/webhookConfigurations.ts';
import { controllerSite } from './site.ts';
import { allocation, createPoolWith, host, inParallel, network, podNamed } from './support.ts';

describe('Node capacity, against a real API server', function () {
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

  it('shows as metrics whether a network is ready, its hosts and addresses', async () => {
    await site.cluster.addFakeNodes([{ name: 'n-0' }, { name: 'n-1' }]);
    await site.client.create(hostInterfaces, host('n-0', 0));
    await site.client.create(hostInterfaces, host('n-1', 1));
    await site.client.create(multiNicNetworks, network('measured'));
    await resourceIs('n-1', 'measured', '62');
    await eventually('metrics', async () => {
      const text = await site.controller.metrics.registry.metrics();
      return (
        text.includes('multinic_network_ready{network="measured"} 1') &&
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

  it('tells, by metric and event, when the API server asks the webhooks no longer, and when it does again', async () => {
    await site.controller.stop();
    const kinds = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'];
    const shown = (value: number): Promise<unknown> =>
      eventually(`${value} as metric`, async () => {
        const text = await site.controller.metrics.registry.metrics();
        return kinds.every(kind => text.includes(`multinic_webhook_registered{kind="${kind}"} ${value}`));
      });
    // Controllers of other tests may have told the same in this cluster.
    const tellings = async (): Promise<number[]> => {
      const { items } = await site.client.list(events, { namespace: 'default' });
      const ours = items.filter(({ reason, message }) => reason === 'WebhookUnregistered' && isAdvice(message));
      return kinds.map(kind =>
        ours.reduce((sum, { involvedObject, count }) => sum + (involvedObject.kind === kind ? (count ?? 0) : 0), 0),
      );
    };
    const isAdvice = (message = ''): boolean => / multi-nic-webhook(: .*)?\. Apply the manifests/.test(message);
    const before = await tellings();
    const told = (times: number): Promise<unknown> =>
      eventually(`${times} tellings of each`, async () =>
        (await tellings()).every((count, i) => count === (before[i] ?? 0) + times),
      );
    site.start({ unregisteredMs: 0 });
    await told(1);
    await shown(0);
    await installWebhooks(site.client, { port: 1, caCertificate: '' });
    await shown(1);
    for (const [resource, webhook] of [
      [mutatingWebhookConfigurations, 'pods.multinic.fms.io'],
      [validatingWebhookConfigurations, 'networks.multinic.fms.io'],
    ] as const) {
      const { webhooks = [] } = await site.client.get(resource, { name: 'multi-nic-webhook' });
      const path = `/webhooks/${webhooks.findIndex(({ name }) => name === webhook)}/failurePolicy`;
      const patch = [{ op: 'replace', path, value: 'Ignore' }];
      await site.client.patch(resource, { name: 'multi-nic-webhook' }, 'json', patch);
    }
    await told(2);
    await shown(0);
    await removeWebhooks(site.client);
    await told(3);
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
