import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import { annotation, extendedResourceName, label } from '../../core/api/names.ts';
import {
  events,
  hostInterfaces,
  multiNicNetworks,
  networkAttachmentDefinitions,
  type Pod,
  pods,
} from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { installWebhooks } from '../system/webhookConfigurations.ts';
import { applyNetwork, createNetwork, serveNetwork } from './networks.ts';
import {
  addressesOf,
  attachmentsOf,
  bound,
  createNamespace,
  elementsOf,
  nodeNames,
  podOf,
  recordsOf,
  refusal,
  useWebhookCluster,
} from './support.ts';

/** As the DaemonSet controller writes it. */
const daemonOn = (node: string) => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }],
      },
    },
  },
});

describe('creating pods, through the real API server', () => {
  const running = useWebhookCluster();
  const namespace = 'create';

  before(async () => {
    const { client, webhook } = running();
    await installWebhooks(client, webhook);
    await createNetwork(client, 'routed', { subnet: '10.220.0.0/16', namespaces: [namespace] });
    // Addresses do not depend on the node.
    await createNetwork(client, 'flat', {
      subnet: '10.221.0.0/16',
      hostBlock: 0,
      vlanMode: 'l2',
      namespaces: ['flat'],
    });
    await createNamespace(client, namespace);
    await createNamespace(client, 'flat');
  });

  const create = (metadata: object, options = {}): Promise<Pod> =>
    running().client.create(pods, podOf({ namespace, ...metadata }), options);
  const networks = (text: string | object) => ({
    annotations: { [annotation.networks]: typeof text === 'string' ? text : JSON.stringify(text) },
  });
  const ofPod = async (network: string, pod: Pod) =>
    (await recordsOf(running().client, network)).filter(({ podUID }) => podUID === pod.metadata.uid);

  /** The same in a page, where nobody waits for it; whoever needs it before does it. */
  const confirmedOf = (pod: Pod) =>
    eventually('the confirmation', async () => {
      const records = await ofPod('flat', pod);
      return records.length > 0 && records;
    });

  it('grants at once where a DaemonSet fixes the node, and keeps it when the pod is bound', async () => {
    const { client } = running();
    const created = await create({ generateName: 'ds-', spec: daemonOn('fake-2') });
    expect(attachmentsOf(created)?.map(({ master }) => master)).to.deep.equal(['eth1', 'eth2']);
    const [record] = await ofPod('routed', created);
    expect(record).to.include({ state: 'Allocated', name: created.metadata.name, pool: 'routed.fake-2' });
    expect(record?.reservation).to.equal(created.metadata.annotations?.[annotation.reservation]);
    const pod = await bound(client, { namespace, name: created.metadata.name });
    expect(pod.spec?.nodeName).to.equal('fake-2');
    expect(attachmentsOf(pod)).to.deep.equal(attachmentsOf(created));
    expect(await ofPod('routed', pod)).to.have.length(1);
  });

  it('makes a DaemonSet pod also before the agent of its node is there; it gets its NICs when it is bound', async () => {
    const pod = await create({ generateName: 'early-', spec: daemonOn('joining') });
    expect(pod.metadata.labels).to.have.property(label.injected, 'true');
    expect(attachmentsOf(pod)).to.equal(undefined);
    expect(pod.spec?.containers[0]?.resources?.requests).to.have.property(extendedResourceName('routed'), '1');
  });

  it('holds a pod back that comes with its network until some node can take it', async () => {
    const { client } = running();
    await createNamespace(client, 'together');
    await applyNetwork(client, 'together', { subnet: '10.223.0.0/16', namespaces: ['together'] });
    const creation = create({ namespace: 'together', name: 'first' });
    // Longer than a pod takes that nothing holds back.
    await sleep(700);
    const network = await serveNetwork(client, 'together');
    const pod = await creation;
    // The API server counts one revision for all objects.
    expect(Number(pod.metadata.resourceVersion)).to.be.greaterThan(Number(network.metadata.resourceVersion));
    await bound(client, { namespace: 'together', name: 'first' });
    const { items } = await client.list(events, { namespace: 'together' });
    expect(items.filter(({ type }) => type === 'Warning').map(({ message }) => message)).to.deep.equal([]);
  });

  it('grants at once where the pod names its node', async () => {
    const pod = await create({ name: 'named', spec: { nodeName: 'fake-3' } });
    expect((await ofPod('routed', pod))[0]?.nics).to.deep.equal(attachmentsOf(pod));
  });

  it('grants at once where addresses do not depend on the node', async () => {
    const { client } = running();
    const created = await create({ namespace: 'flat', generateName: 'f-' });
    const attachments = attachmentsOf(created) ?? [];
    expect(attachments.map(nic => 'master' in nic)).to.deep.equal([false, false]);
    const [record] = await confirmedOf(created);
    expect(record).to.include({ state: 'Allocated', name: created.metadata.name });
    const pod = await bound(client, { namespace: 'flat', name: created.metadata.name });
    expect(attachmentsOf(pod)).to.deep.equal(attachments);
    expect(await ofPod('flat', pod)).to.have.length(1);
  });

  it('waits for the node where hosts differ in the subnets of their NICs: no node has what all have together', async () => {
    const { client } = running();
    const [name, netAddress] = ['other-rack', '172.30.9.0/24'];
    const nic = { interfaceName: 'eth1', netAddress, hostIP: '172.30.9.11', linkState: 'up' as const };
    await client.create(hostInterfaces, {
      apiVersion: 'multinic.fms.io/v1',
      kind: 'HostInterface',
      metadata: { name },
      spec: { hostName: name, interfaces: [nic] },
    });
    try {
      const flat = { hostBlock: 0, vlanMode: 'l2', subnet: '10.226.0.0/16', namespaces: ['racks'] };
      await createNetwork(client, 'racks', flat);
      const subnets = ['172.20.1.0/24', '172.20.2.0/24', netAddress];
      const interfaces = subnets.map((of, index) => ({ index, netAddress: of, ordinal: 0 }));
      await client.patch(
        multiNicNetworks,
        { name: 'racks' },
        'merge',
        { status: { interfaces } },
        { subresource: 'status' },
      );
      const { view } = running().webhook;
      await eventually('the webhook to know that', () => view.network('racks')?.state.interfaces.length === 3);
      await createNamespace(client, 'racks');
      await create({ namespace: 'racks', name: 'any' });
      const pod = await bound(client, { namespace: 'racks', name: 'any' });
      expect(attachmentsOf(pod)?.map(({ master }) => master)).to.deep.equal(['eth1', 'eth2']);
    } finally {
      await client.delete(hostInterfaces, { name });
    }
  });

  it('reserves nothing in a dry run, and still shows the addresses', async () => {
    const { client } = running();
    const before = await recordsOf(client, 'flat');
    const shown = await create({ namespace: 'flat', name: 'dry' }, { dryRun: true });
    expect(addressesOf(shown)).to.have.length(2);
    expect(await recordsOf(client, 'flat')).to.deep.equal(before);
  });

  it('gives a copy of a pod addresses of its own', async () => {
    const first = await create({ namespace: 'flat', name: 'original' });
    const { labels = {}, annotations = {} } = first.metadata;
    const copy = await create({ namespace: 'flat', name: 'copy', labels, annotations });
    expect(attachmentsOf(copy)).to.have.length(2);
    expect(addressesOf(copy)).not.to.have.members(addressesOf(first));
    expect((await confirmedOf(first))[0]?.nics).to.deep.equal(attachmentsOf(first));
    expect((await confirmedOf(copy))[0]?.nics).to.deep.equal(attachmentsOf(copy));
  });

  it('drops attachments that were copied where the node is not known', async () => {
    const { cluster } = running();
    const forged = [{ master: 'eth1', netAddress: '172.20.1.0/24', addresses: ['10.220.0.9/18'] }];
    const element = { name: 'routed', 'cni-args': { nics: 1, 'multinic.fms.io/attachments': forged } };
    const reservation = randomUUID();
    const pod = podOf({
      namespace,
      name: 'dropped',
      annotations: { [annotation.networks]: JSON.stringify([element]), [annotation.reservation]: reservation },
      spec: { schedulerName: 'nobody' },
    });
    const { stderr } = await cluster.kubectl(['create', '-f', '-'], { input: JSON.stringify(pod) });
    expect(stderr).to.contain('network routed: the attachments that came with the pod were dropped');
    const stored = await running().client.get(pods, { namespace, name: 'dropped' });
    expect(elementsOf(stored)).to.deep.equal([{ name: 'routed', 'cni-args': { nics: 1 } }]);
    expect(stored.metadata.annotations).not.to.have.property(annotation.reservation);
  });

  it('leaves the resources that the user wrote', async () => {
    const resource = extendedResourceName('routed');
    const asked = { limits: { [resource]: '3', cpu: '1' }, requests: { [resource]: '3', cpu: '1' } };
    const pod = await create({
      name: 'asks',
      spec: { schedulerName: 'nobody', containers: [{ name: 'main', image: 'pause', resources: asked }] },
    });
    expect(pod.spec?.containers[0]?.resources).to.deep.equal(asked);
  });

  it('takes nothing but a reservation for a pod whose name turns out to be none', async () => {
    const { client } = running();
    // Nothing of what was made for the pods before lies ready any more.
    await sleep(1500);
    // Named so that its record would be two, if names could have spaces in a pool: one of another's address, for ever.
    const name = 'a net1 @172.20.1.0/24=10.241.9.9/18 since=2026-01-01T00:00:00Z uid=somebody';
    const error = await refusal(create({ namespace: 'flat', name }));
    expect(error.message).to.contain('Invalid value');
    const left = (await recordsOf(client, 'flat')).filter(record => record.name === name);
    expect(left.map(({ state, podUID }) => [state, podUID])).to.deep.equal([['Reserved', '']]);
    const next = await create({ namespace: 'flat', name: 'after-that' });
    expect(addressesOf(next)).to.have.length(2);
  });

  it('asks the API server once what a name means that is no network of ours, however often a pod has it', async () => {
    const { client } = running();
    const asked = async (): Promise<number> => {
      const text = await client.request<string>('GET', '/metrics', { accept: 'text/plain' });
      const counts = text
        .split('\n')
        .filter(line => /^apiserver_request_total\{.*resource="multinicnetworks".*verb="GET"/.test(line));
      return counts.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
    };
    await client.create(networkAttachmentDefinitions, {
      metadata: { name: 'theirs', namespace },
      spec: { config: '{}' },
    });
    const before = await asked();
    const pod = await create({ name: 'repeating', ...networks('theirs,'.repeat(80).slice(0, -1)) });
    expect(elementsOf(pod)).to.have.length(80);
    // Each of the three chances asks.
    expect((await asked()) - before).to.be.within(1, 3);
  });

  it('gives back what it took where a later network of the pod refuses', async () => {
    const { client } = running();
    const before = await recordsOf(client, 'routed');
    const wanted = networks([{ name: 'routed' }, { name: 'routed', ips: ['10.1.1.1', '10.1.1.2'] }]);
    const error = await refusal(create({ name: 'half', ...wanted, spec: { nodeName: 'fake-1' } }));
    expect(error.message).to.contain('MNN_ADDRESS_OUTSIDE');
    await eventually('what was reserved to be given back', async () => {
      return isDeepStrictEqual(await recordsOf(client, 'routed'), before);
    });
  });
  it('leaves pods of other namespaces alone', async () => {
    const { client } = running();
    await createNamespace(client, 'elsewhere', {});
    await client.create(pods, podOf({ namespace: 'elsewhere', name: 'plain' }));
    const pod = await bound(client, { namespace: 'elsewhere', name: 'plain' });
    expect(pod.metadata.annotations ?? {}).not.to.have.property(annotation.networks);
    expect(nodeNames).to.include(pod.spec?.nodeName);
  });
});
