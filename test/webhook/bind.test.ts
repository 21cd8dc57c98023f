import { expect } from 'chai';
import { annotation, extendedResourceName, label } from '../../core/api/names.ts';
import { cidrs, events, mutatingWebhookConfigurations, type Pod, pods } from '../../kube/api/resources.ts';
import { bindingOf, bindPod } from '../bindPod.ts';
import { eventually } from '../eventually.ts';
import { installWebhooks, webhookConfigurations } from '../system/webhookConfigurations.ts';
import { createNetwork } from './networks.ts';
import {
  addressesOf,
  attachmentsOf,
  bound,
  createNamespace,
  elementsOf,
  podOf,
  recordsOf,
  refusal,
  useWebhookCluster,
} from './support.ts';

const on = (node: string) => ({ nodeSelector: { 'kubernetes.io/hostname': node } });
/** No scheduler takes such a pod, so that the test can bind it. */
const byHand = { schedulerName: 'nobody' };

describe('binding, through the real API server and scheduler', () => {
  const running = useWebhookCluster();
  const namespace = 'bind';

  before(async () => {
    const { client } = running();
    await createNetwork(client, 'train', { subnet: '10.200.0.0/16', namespaces: [namespace] });
    await createNamespace(client, namespace);
  });

  const bind = (name: string, node: string, options = {}) =>
    bindPod(running().client, { name, namespace }, node, options);
  const read = (name: string): Promise<Pod> => running().client.get(pods, { name, namespace });
  const recordsFor = async (pod: Pod) =>
    (await recordsOf(running().client, 'train')).filter(({ podUID }) => podUID === pod.metadata.uid);

  it('gives a pod its networks at its creation and its addresses with its node', async () => {
    const { client } = running();
    const created = await client.create(pods, podOf({ namespace, name: 'one' }));
    expect(created.metadata.labels?.[label.injected]).to.equal('true');
    const { limits, requests } = created.spec?.containers[0]?.resources ?? {};
    expect(limits).to.deep.equal({ [extendedResourceName('train')]: '1' });
    expect(requests).to.deep.equal(limits);
    expect(attachmentsOf(created)).to.equal(undefined);

    const pod = await bound(client, { namespace, name: 'one' });
    expect(attachmentsOf(pod)?.map(({ master }) => master)).to.deep.equal(['eth1', 'eth2']);
    const [record, ...others] = await recordsFor(pod);
    expect(others).to.deep.equal([]);
    expect(record?.nics).to.deep.equal(attachmentsOf(pod));
    expect(record?.pool).to.equal(`train.${pod.spec?.nodeName}`);
    expect(record?.state).to.equal('Allocated');
  });

  it('gives 30 pods of generated names distinct addresses', async () => {
    const { client } = running();
    const created = await Promise.all(
      Array.from({ length: 30 }, () => client.create(pods, podOf({ namespace, generateName: 'many-' }))),
    );
    const all = await Promise.all(created.map(({ metadata: { name } }) => bound(client, { namespace, name })));
    const addresses = all.flatMap(addressesOf);
    expect(addresses).to.have.length(60);
    expect(new Set(addresses).size).to.equal(60);
  });

  it('keeps what other annotations say and the elements that are not ours', async () => {
    const { client, cluster } = running();
    const definition = {
      apiVersion: 'k8s.cni.cncf.io/v1',
      kind: 'NetworkAttachmentDefinition',
      metadata: { name: 'storage', namespace },
      spec: { config: '{}' },
    };
    await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(definition) });
    const foreign = { name: 'storage', interface: 'st0', mac: '02:00:00:00:00:01', 'cni-args': { vlan: 5 } };
    const text = JSON.stringify([foreign, { name: 'train', interface: 'fast', 'cni-args': { nics: 1, other: 'x' } }]);
    await client.create(
      pods,
      podOf({ namespace, name: 'mixed', annotations: { [annotation.networks]: text, team: 'a' } }),
    );
    const pod = await bound(client, { namespace, name: 'mixed' });
    const [first, second] = elementsOf(pod);
    expect(first).to.deep.equal(foreign);
    expect(second).to.include({ name: 'train', interface: 'fast' });
    expect(second?.['cni-args']).to.include({ nics: 1, other: 'x' });
    expect(attachmentsOf(pod, 1)).to.have.length(1);
    expect(pod.metadata.annotations?.team).to.equal('a');
    expect((await recordsFor(pod)).map(record => record.interface)).to.deep.equal(['fast']);
  });

  it('gives one NIC where the interface has a name that leaves no room for a number, as those of KubeVirt', async () => {
    const { client } = running();
    const annotations = { [annotation.networks]: 'train@pod37a8eec1ce1' };
    await client.create(pods, podOf({ namespace, name: 'virtual', annotations }));
    const pod = await bound(client, { namespace, name: 'virtual' });
    expect(attachmentsOf(pod)).to.have.length(1);
  });

  it('binds a pod that has more in its annotations than is kept of pods that wait', async () => {
    const { client } = running();
    const large = 'x'.repeat(200_000);
    await client.create(pods, podOf({ namespace, name: 'large', annotations: { large } }));
    const pod = await bound(client, { namespace, name: 'large' });
    expect((await recordsFor(pod))[0]?.nics).to.deep.equal(attachmentsOf(pod));
    expect(addressesOf(pod)).to.have.length(2);
    expect(pod.metadata.annotations?.large).to.equal(large);
  });

  it('reserves nothing in a dry run, and still shows what it would take', async () => {
    const { client, webhook } = running();
    await client.create(pods, podOf({ namespace, name: 'dry', spec: byHand }));
    await bind('dry', 'fake-1', { dryRun: true });
    const pod = await read('dry');
    expect(pod.spec?.nodeName ?? '').to.equal('');
    expect(await recordsFor(pod)).to.deep.equal([]);
    const line = webhook.lines.findLast(({ name, dryRun }) => name === 'dry' && dryRun === true);
    expect(line).to.include({ path: '/mutate-bindings', result: 'allowed', node: 'fake-1', masters: 'eth1,eth2' });
    expect(line?.addresses).to.match(/^10\.200\.\d+\.\d+\/18,10\.200\.\d+\.\d+\/18$/);
  });

  it('serves the legacy resource, and a Binding that does not say the UID', async () => {
    const { client } = running();
    const created = await client.create(pods, podOf({ namespace, name: 'legacy', spec: byHand }));
    await client.request('POST', `/api/v1/namespaces/${namespace}/bindings`, { body: bindingOf('legacy', 'fake-2') });
    const pod = await read('legacy');
    expect(pod.spec?.nodeName).to.equal('fake-2');
    expect(attachmentsOf(pod)).to.have.length(2);
    expect((await recordsFor(created)).map(({ pool }) => pool)).to.deep.equal(['train.fake-2']);
  });

  it('overwrites what a Binding made by hand says of networks', async () => {
    const { client } = running();
    await client.create(pods, podOf({ namespace, name: 'forged', spec: byHand }));
    const forged = JSON.stringify([
      {
        name: 'train',
        'cni-args': {
          'multinic.fms.io/attachments': [
            { master: 'eth1', netAddress: '172.20.1.0/24', addresses: ['10.200.0.1/18'] },
          ],
        },
      },
    ]);
    const annotations = { [annotation.networks]: forged, [annotation.reservation]: 'x', team: 'b' };
    await bind('forged', 'fake-1', { annotations });
    const pod = await read('forged');
    expect(pod.metadata.annotations).to.include({ team: 'b' });
    expect(pod.metadata.annotations).not.to.have.property(annotation.reservation);
    expect(attachmentsOf(pod)).to.deep.equal((await recordsFor(pod))[0]?.nics);
    expect(addressesOf(pod)).not.to.include('10.200.0.1/18');
  });

  it('gives the same addresses again when a bind is repeated', async () => {
    const { client, webhook } = running();
    const created = await client.create(pods, podOf({ namespace, name: 'again', spec: byHand }));
    await bind('again', 'fake-3');
    const [before] = await recordsFor(created);
    // The pod is bound: the webhook is called before the API server finds that out.
    const late = await refusal(bind('again', 'fake-3'));
    expect(late.status).to.equal(409);
    const after = await recordsFor(created);
    expect(after).to.deep.equal([before]);
    expect(webhook.lines.filter(({ name, result }) => name === 'again' && result === 'denied')).to.deep.equal([]);
  });

  it('refuses a node that lacks the NICs, and says what it lacks', async () => {
    const { client, cluster } = running();
    await cluster.addFakeNodes([{ name: 'bare' }]);
    await client.create(pods, podOf({ namespace, name: 'lost', spec: byHand }));
    const error = await refusal(bind('lost', 'bare'));
    expect(error.message).to.contain('MNN_NODE_NOT_READY: node bare has no HostInterface');
    await cluster.kubectl(['delete', 'node', 'bare']);
  });

  it('waits a moment for a block that the controller is just giving', async () => {
    const { client } = running();
    await createNetwork(client, 'fresh', { subnet: '10.211.0.0/16', namespaces: ['fresh'] });
    await createNamespace(client, 'fresh');
    const page = await client.get(cidrs, { name: 'fresh-0' });
    await client.delete(cidrs, page.metadata);
    await client.create(pods, podOf({ namespace: 'fresh', name: 'early', spec: byHand }));
    const binding = bindPod(client, { namespace: 'fresh', name: 'early' }, 'fake-1');
    await client.create(cidrs, { ...page, metadata: { name: 'fresh-0' } });
    await binding;
    expect(attachmentsOf(await client.get(pods, { namespace: 'fresh', name: 'early' }))).to.have.length(2);
  });

  it('leaves a pod unbound when its node has no address left, and says so in an event', async () => {
    const { client } = running();
    // 24 + 2 + 3 bits leave blocks of 8 addresses, 6 of them usable.
    await createNetwork(client, 'tiny', { subnet: '10.210.0.0/24', hostBlock: 3, namespaces: ['tiny'] });
    await createNamespace(client, 'tiny');
    const names = Array.from({ length: 7 }, (_, i) => `p${i}`);
    for (const name of names.slice(0, 6)) {
      await client.create(pods, podOf({ namespace: 'tiny', name, spec: on('fake-1') }));
      await bound(client, { namespace: 'tiny', name });
    }
    await client.create(pods, podOf({ namespace: 'tiny', name: 'p6', spec: on('fake-1') }));
    const event = await eventually('the event of the refusal', async () => {
      const { items } = await client.list(events, { namespace: 'tiny', fieldSelector: 'involvedObject.name=p6' });
      return items.find(({ message }) => message?.includes('MNN_POOL_FULL'));
    });
    expect(event.message).to.contain('no address is left in 10.210.0.0/29 (ippool tiny.fake-1)');
    expect((await client.get(pods, { namespace: 'tiny', name: 'p6' })).spec?.nodeName ?? '').to.equal('');
    const told = await eventually('the event on the network', async () => {
      const { items } = await client.list(events, { namespace: 'default', fieldSelector: 'involvedObject.name=tiny' });
      return items.find(({ reason }) => reason === 'PoolExhausted');
    });
    expect(told.involvedObject.kind).to.equal('MultiNicNetwork');
    expect(told.message).to.match(/^network tiny on node fake-1: no address is left in .* Free addresses by/);
  });

  it('gives back what it took of other networks where one has no address left: pods that wait take nothing from those that could run', async () => {
    const { client } = running();
    const namespaces = ['waiting'];
    await createNetwork(client, 'roomy', { subnet: '10.212.0.0/16', namespaces });
    // Blocks of 8 addresses, 6 of them usable.
    await createNetwork(client, 'narrow', { subnet: '10.213.0.0/24', hostBlock: 3, namespaces });
    await createNamespace(client, 'waiting');
    const bindNew = async (name: string, networks: string): Promise<unknown> => {
      const path = { namespace: 'waiting', name };
      const annotations = { [annotation.ourNetworks]: networks };
      await client.create(pods, podOf({ ...path, annotations, spec: byHand }));
      return bindPod(client, path, 'fake-1');
    };
    const fitting = ['a', 'b', 'c', 'd', 'e', 'f'];
    await Promise.all(fitting.map(name => bindNew(name, 'roomy,narrow')));
    const error = await refusal(bindNew('waits', 'roomy,narrow'));
    expect(error.message).to.contain('MNN_POOL_FULL: network narrow on node fake-1');
    const left = (await recordsOf(client, 'roomy')).map(({ name }) => name);
    expect(left.sort()).to.deep.equal(fitting);
  });

  it('takes nothing for a pod whose annotations leave no room for what it would get', async () => {
    const { client } = running();
    const path = { namespace, name: 'wordy' };
    const { metadata } = await client.create(pods, podOf({ ...path, spec: byHand }), { dryRun: true });
    const used = Object.entries(metadata.annotations ?? {})
      .flat()
      .join('').length;
    const annotations = { big: 'x'.repeat(262_144 - 'big'.length - used) };
    const pod = await client.create(pods, podOf({ ...path, annotations, spec: byHand }));
    const error = await refusal(bind('wordy', 'fake-1'));
    expect(error.message).to.contain('MNN_ANNOTATIONS_TOO_LARGE');
    expect(await recordsFor(pod)).to.deep.equal([]);
  });

  it('gives the addresses that are asked for, and refuses those of other nodes', async () => {
    const { client } = running();
    const asking = (ips: string[]) => ({
      annotations: { [annotation.networks]: JSON.stringify([{ name: 'train', 'cni-args': { nics: 1 }, ips }]) },
      spec: byHand,
    });
    await client.create(pods, podOf({ namespace, name: 'static', ...asking(['10.200.0.200']) }));
    await bind('static', 'fake-1');
    expect(addressesOf(await read('static'))).to.deep.equal(['10.200.0.200/18']);
    await client.create(pods, podOf({ namespace, name: 'outside', ...asking(['10.200.1.207']) }));
    expect((await refusal(bind('outside', 'fake-1'))).message).to.contain('MNN_ADDRESS_OUTSIDE');
  });

  it('binds pods without attachments while the webhook is away', async () => {
    const { client, webhook } = running();
    const [mutating] = webhookConfigurations({ ...webhook, port: 1 });
    const dead = mutating?.webhooks?.find(({ name }) => name.startsWith('bindings.'))?.clientConfig;
    const stored = await client.get(mutatingWebhookConfigurations, { name: mutating?.metadata.name ?? '' });
    const webhooks = stored.webhooks?.map(w => (w.name.startsWith('bindings.') ? { ...w, clientConfig: dead } : w));
    await client.patch(mutatingWebhookConfigurations, stored.metadata, 'merge', { webhooks });
    try {
      // The API server reads its configurations a little later.
      const pod = await eventually('a pod that is bound without the webhook', async () => {
        const { metadata } = await client.create(pods, podOf({ namespace, generateName: 'away-', spec: byHand }));
        await bind(metadata.name, 'fake-1');
        const after = await read(metadata.name);
        return attachmentsOf(after) === undefined && after;
      });
      expect(pod.spec?.nodeName).to.equal('fake-1');
      expect(pod.metadata.labels?.[label.injected]).to.equal('true');
    } finally {
      await installWebhooks(client, webhook);
    }
  });

  it('takes nothing for a pod that another webhook has moved to the host network since', async () => {
    const { client } = running();
    const labels = { [label.injected]: 'true' };
    const annotations = { [annotation.networks]: 'train' };
    const spec = { ...byHand, hostNetwork: true };
    const pod = await client.create(pods, podOf({ namespace, name: 'moved', labels, annotations, spec }));
    await bind('moved', 'fake-1');
    expect(attachmentsOf(await read('moved'))).to.equal(undefined);
    expect(await recordsFor(pod)).to.deep.equal([]);
  });
});
