import { expect } from 'chai';
import { annotation, extendedResourceName, label } from '../../core/api/names.ts';
import { readAttachments } from '../../core/annotation/attachments.ts';
import { parseNetworks } from '../../core/annotation/networks.ts';
import * as resources from '../../kube/resources.ts';
import { bound, createHosts, createNamespace, createNetwork, podOf, recordsOf, useWebhookCluster } from './support.ts';

/** The attachments of a pod's n-th network. */
export function attachmentsOf(pod: resources.Pod, n = 0) {
  const elements = parseNetworks(pod.metadata.annotations?.[annotation.networks] ?? '');
  return readAttachments(elements[n]?.['cni-args']);
}

describe('a pod on its way through the real API server and scheduler', () => {
  const running = useWebhookCluster();
  const namespace = 'bind';

  before(async () => {
    const { client } = running();
    await createHosts(client);
    await createNetwork(client, 'train', { subnet: '10.200.0.0/16' });
    await createNamespace(client, namespace);
  });

  it('gets its networks when it is created and its addresses when it is bound', async () => {
    const { client } = running();
    const created = await client.create(resources.pods, podOf({ namespace, name: 'one' }));
    expect(created.metadata.labels?.[label.injected]).to.equal('true');
    expect(created.spec?.containers[0]?.resources?.limits).to.deep.equal({ [extendedResourceName('train')]: '1' });
    expect(attachmentsOf(created)).to.equal(undefined);

    const pod = await bound(client, { namespace, name: 'one' });
    const attachments = attachmentsOf(pod) ?? [];
    expect(attachments.map(({ master }) => master)).to.deep.equal(['eth1', 'eth2']);
    const records = await recordsOf(client, 'train');
    expect(records).to.have.length(1);
    expect(records[0]?.podUID).to.equal(pod.metadata.uid);
    expect(records[0]?.nics).to.deep.equal(attachments);
    expect(records[0]?.pool).to.equal(`train.${pod.spec?.nodeName}`);
  });
});
