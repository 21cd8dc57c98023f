import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { annotation, label } from '../../core/api/names.ts';
import { networkAttachmentDefinitions, type Pod, pods } from '../../kube/api/resources.ts';
import { freePort } from '../cluster/ports.ts';
import { installWebhooks } from '../system/webhookConfigurations.ts';
import { createNetwork } from './networks.ts';
import { attachmentsOf, bound, createNamespace, elementsOf, podOf, refusal, useWebhookCluster } from './support.ts';

describe('what admission decided', () => {
  const running = useWebhookCluster();
  const namespace = 'settled';
  const patch = (body: object) =>
    running().client.patch(pods, { namespace, name: 'kept' }, 'merge', { metadata: body });
  let pod: Pod;

  before(async () => {
    const { client, webhook } = running();
    await installWebhooks(client, webhook);
    await createNetwork(client, 'settled', {
      subnet: '10.224.0.0/16',
      hostBlock: 0,
      vlanMode: 'l2',
      namespaces: [namespace],
    });
    await createNetwork(client, 'again', { subnet: '10.225.0.0/16', namespaces: ['again'] });
    for (const name of [namespace, 'again']) await createNamespace(client, name);
    pod = await client.create(pods, podOf({ namespace, name: 'kept', spec: { schedulerName: 'nobody' } }));
  });

  it('is nothing for a pod that opted out, whatever its author marks it with: it stays opted out', async () => {
    const { client } = running();
    const labels = { [label.injection]: 'disabled', [label.injected]: 'true' };
    const optedOut = podOf({ namespace, name: 'opted-out', labels, spec: { schedulerName: 'nobody' } });
    await client.create(pods, optedOut);
    const change = client.patch(pods, { namespace, name: 'opted-out' }, 'merge', {
      metadata: { labels: { [label.injection]: null } },
    });
    expect((await refusal(change)).message)
      .to.contain('MNN_ATTACHMENTS_CHANGED')
      .and.contain('taken off');
  });

  it('cannot be changed, nor its marks', async () => {
    const moved = (pod.metadata.annotations?.[annotation.networks] ?? '').replace('10.224.', '10.99.');
    const changes = [
      { annotations: { [annotation.networks]: moved } },
      { annotations: { [annotation.networks]: null } },
      { annotations: { [annotation.reservation]: randomUUID() } },
      { labels: { [label.injected]: null } },
    ];
    for (const change of changes) {
      expect((await refusal(patch(change))).message).to.contain('MNN_ATTACHMENTS_CHANGED');
    }
  });

  it('does not keep other annotations, labels and networks from changing', async () => {
    const elements = [...elementsOf(pod), { name: 'later' }];
    const annotations = { [annotation.networks]: JSON.stringify(elements), note: 'x' };
    const after = await patch({ annotations, labels: { tier: 'a' } });
    expect(after.metadata).to.have.nested.property('labels.tier', 'a');
  });

  it('is kept where somebody writes the list anew with one more network, as KubeVirt does to add an interface', async () => {
    const { client } = running();
    const asked = { name: 'again', namespace: 'again', interface: 'pod37a8eec1ce1' };
    const annotations = { [annotation.networks]: JSON.stringify([asked]) };
    const ref = { namespace: 'again', name: 'machine' };
    await client.create(pods, podOf({ ...ref, annotations }));
    const before = await bound(client, ref);
    const added = { name: 'bridge', namespace: 'again', interface: 'pod12b35c7e9a1' };
    const written = (elements: object[]) => ({
      metadata: { annotations: { [annotation.networks]: JSON.stringify(elements) } },
    });
    const after = await client.patch(pods, ref, 'merge', written([asked, added]));
    expect(elementsOf(after)).to.deep.equal([...elementsOf(before), added]);
    const error = await refusal(client.patch(pods, ref, 'merge', written([added])));
    expect(error.message).to.contain('MNN_ATTACHMENTS_CHANGED');
  });

  it('is kept where the manifest of a pod is applied again whose networks are named beside a list of others', async () => {
    const { cluster, client } = running();
    const ref = { namespace: 'again', name: 'both' };
    await client.create(networkAttachmentDefinitions, {
      metadata: { name: 'storage', namespace: 'again' },
      spec: { config: '{}' },
    });
    const annotations = { [annotation.networks]: 'storage', [annotation.ourNetworks]: 'again' };
    const apply = async (tier: string): Promise<void> => {
      const input = JSON.stringify(podOf({ ...ref, annotations, labels: { tier } }));
      await cluster.kubectl(['apply', '-f', '-'], { input });
    };
    await apply('a');
    const first = await bound(client, ref);
    expect(attachmentsOf(first, 1)).to.have.length(2);
    await apply('b');
    const second = await client.get(pods, ref);
    expect(second.metadata.labels).to.include({ tier: 'b' });
    expect(elementsOf(second)).to.deep.equal(elementsOf(first));
  });

  for (const [how, flags] of [
    ['', []],
    [', by the server', ['--server-side']],
  ] as const) {
    it(`is kept where the pod's manifest is applied again${how}`, async () => {
      const { cluster, client } = running();
      const name = `again-${flags.length}`;
      const apply = async (labels: Record<string, string>): Promise<void> => {
        const annotations = { [annotation.networks]: ' again/again@data ,again' };
        const input = JSON.stringify(podOf({ namespace: 'again', name, labels, annotations }));
        await cluster.kubectl(['apply', ...flags, '-f', '-'], { input });
      };
      await apply({ tier: 'a' });
      const first = await bound(client, { namespace: 'again', name });
      expect(attachmentsOf(first)).to.have.length(2);
      await apply({ tier: 'b' });
      const second = await client.get(pods, { namespace: 'again', name });
      expect(second.metadata.labels).to.include({ tier: 'b', [label.injected]: 'true' });
      expect(second.metadata.annotations?.[annotation.networks]).to.equal(
        first.metadata.annotations?.[annotation.networks],
      );
    });
  }

  for (const [what, asked, confined, flags] of [
    ['NICs', { 'cni-args': { nics: 2 } }, 'nics.multinic.fms.io/again', []],
    ['addresses', { ips: ['10.225.1.9', '10.225.65.9'] }, 'metadata.name', ['--server-side']],
  ] as const) {
    it(`stays on nodes with the ${what} asked for where the manifest that is applied again has a node affinity of its own`, async () => {
      const { cluster, client } = running();
      const name = what.toLowerCase();
      const nodeSelectorTerms = ['a', 'b'].map(zone => ({
        matchExpressions: [{ key: 'zone', operator: 'NotIn', values: [zone] }],
      }));
      const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } };
      const annotations = { [annotation.networks]: JSON.stringify([{ name: 'again', ...asked }]) };
      const apply = async (tier: string): Promise<Pod> => {
        const spec = { affinity, schedulerName: 'nobody' };
        const input = JSON.stringify(podOf({ namespace: 'again', name, labels: { tier }, annotations, spec }));
        await cluster.kubectl(['apply', ...flags, '-f', '-'], { input });
        return client.get(pods, { namespace: 'again', name });
      };
      const first = await apply('a');
      expect(JSON.stringify(first.spec)).to.contain(confined);
      const second = await apply('b');
      expect(second.metadata.labels).to.include({ tier: 'b' });
      expect(second.spec).to.deep.equal(first.spec);
    });
  }

  it('does not hold up other changes of a pod while no webhook answers, such as those of the controllers of Jobs', async () => {
    const { client, webhook } = running();
    await installWebhooks(client, { ...webhook, port: await freePort() });
    try {
      const after = await patch({ labels: { tier: 'b' } });
      expect(after.metadata).to.have.nested.property('labels.tier', 'b');
    } finally {
      await installWebhooks(client, webhook);
    }
  });

  it('can be changed by the agent', async () => {
    const { cluster, client } = running();
    const user = 'system:serviceaccount:multi-nic-system:multi-nic-agent';
    const kubeconfig = await cluster.kubeconfigFor(user, ['system:masters']);
    const text = JSON.stringify([{ name: 'settled' }]);
    await cluster.kubectl(
      ['-n', namespace, 'annotate', '--overwrite', 'pod', 'kept', `${annotation.networks}=${text}`],
      { kubeconfig },
    );
    expect(elementsOf(await client.get(pods, { namespace, name: 'kept' }))).to.deep.equal([{ name: 'settled' }]);
  });
});
