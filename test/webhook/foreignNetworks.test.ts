import { expect } from 'chai';
import { annotation, attachmentsKey, label } from '../../core/api/names.ts';
import { networkAttachmentDefinitions, type Pod, pods } from '../../kube/api/resources.ts';
import { installWebhooks } from '../system/webhookConfigurations.ts';
import { createNetwork } from './networks.ts';
import { addressesOf, attachmentsOf, bound, createNamespace, elementsOf, podOf, useWebhookCluster } from './support.ts';

describe('networks of others', () => {
  const running = useWebhookCluster();
  const namespace = 'guests';
  const define = (name: string) =>
    running().client.create(networkAttachmentDefinitions, { metadata: { name, namespace }, spec: { config: '{}' } });

  before(async () => {
    const { client, webhook } = running();
    await installWebhooks(client, webhook);
    await createNamespace(client, namespace);
    await createNamespace(client, 'hosts');
    await createNetwork(client, 'compute', { subnet: '10.214.0.0/16', namespaces: ['hosts'] });
    await createNetwork(client, 'common', { subnet: '10.215.0.0/16', namespaces: ['hosts', namespace] });
    await define('compute');
  });

  /** A pod of the namespace that selects these, once it is bound. */
  const boundWith = async (elements: object[], metadata: Partial<Pod['metadata']> = {}): Promise<Pod> => {
    const { client } = running();
    const annotations = { [annotation.networks]: JSON.stringify(elements) };
    const { name } = (await client.create(pods, podOf({ namespace, annotations, generateName: 'pod-', ...metadata })))
      .metadata;
    return bound(client, { namespace: metadata.namespace ?? namespace, name });
  };

  it('may have the name of one of ours that does not apply to their namespace', async () => {
    const pod = await boundWith([{ name: 'compute' }, { name: 'common' }]);
    expect(elementsOf(pod)[0]).to.deep.equal({ name: 'compute' });
    expect(attachmentsOf(pod, 1)).to.have.length(2);
  });

  it('may be those of another namespace, beside ours of that name', async () => {
    const pod = await boundWith([{ name: 'compute', namespace }, { name: 'compute' }], { namespace: 'hosts' });
    expect(elementsOf(pod)[0]).to.deep.equal({ name: 'compute', namespace });
    expect(attachmentsOf(pod, 1)).to.have.length(2);
  });

  it('carry nothing that would pass for what admission decided, once a network has that name', async () => {
    await define('planned');
    const attachments = [{ netAddress: '172.20.1.0/24', addresses: ['10.216.0.9/18'] }];
    const forged = { name: 'planned', 'cni-args': { vlan: 5, [attachmentsKey]: attachments } };
    for (const others of [[], [{ name: 'common' }]]) {
      const labels = others.length > 0 ? { [label.injected]: 'true' } : {};
      const pod = await boundWith([forged, ...others], { labels });
      expect(elementsOf(pod)[0]).to.deep.equal({ name: 'planned', 'cni-args': { vlan: 5 } });
      expect(addressesOf(pod)).to.have.length(2 * others.length);
    }
  });
});
