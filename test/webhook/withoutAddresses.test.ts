import { expect } from 'chai';
import { annotation, nicCountLabel } from '../../core/api/names.ts';
import type { MultiNicNetworkSpec } from '../../core/api/types.ts';
import { nodes, pods } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { installWebhooks } from '../system/webhookConfigurations.ts';
import {
  attachmentsOf,
  bound,
  createNamespace,
  nodeNames,
  podOf,
  recordsOf,
  refusal,
  useWebhookCluster,
} from './support.ts';

describe('networks without addresses, through the real API server and scheduler', () => {
  const running = useWebhookCluster();
  const namespace = 'bare';

  const apply = (name: string, spec: Partial<MultiNicNetworkSpec>) => {
    const plugin = { cniVersion: '1.0.0', type: 'macvlan' };
    const metadata = { name };
    const object = { apiVersion: 'multinic.fms.io/v1', kind: 'MultiNicNetwork', metadata, spec: { plugin, ...spec } };
    const input = JSON.stringify(object);
    return running().cluster.kubectl(['apply', '-f', '-'], { input, allowFailure: true });
  };

  before(async () => {
    const { client, webhook } = running();
    await installWebhooks(client, webhook);
    await createNamespace(client, namespace);
    expect((await apply('bare', { namespaces: [namespace] })).stdout).to.contain('bare created');
    await eventually('the webhook to know it', () => Promise.resolve(webhook.view.exists('bare')));
  });

  it('are stored in each way to say it, and refused for types that need an address', async () => {
    for (const [i, ipam] of ['', '{}', '{"type":""}'].entries()) {
      const { stdout, stderr } = await apply(`bare-${i}`, { ipam, namespaces: ['elsewhere-not'] });
      expect(stdout).to.contain(`bare-${i} created`);
      expect(stderr).not.to.contain('MNN_IPAM');
    }
    const { stderr } = await apply('bare-ptp', { plugin: { cniVersion: '1.0.0', type: 'ptp' } });
    expect(stderr).to.contain('names no IPAM plugin, but type ptp needs addresses').and.contain('MNN_MODE_CONFLICT');
  });

  it('give a pod NICs of the node that the scheduler found to have enough, and keep no record', async () => {
    const { client } = running();
    const label = nicCountLabel('bare');
    await client.patch(nodes, { name: nodeNames[1]! }, 'merge', { metadata: { labels: { [label]: '2' } } });
    const metadata = { namespace, annotations: { [annotation.networks]: 'bare' } };
    const created = await client.create(pods, podOf({ ...metadata, name: 'one' }));
    expect(created.spec?.containers[0]?.resources).to.deep.equal({});
    const pod = await bound(client, { namespace, name: 'one' });
    expect(pod.spec?.nodeName).to.equal(nodeNames[1]);
    expect(attachmentsOf(pod)).to.deep.equal([
      { master: 'eth1', netAddress: '172.20.1.0/24', addresses: [] },
      { master: 'eth2', netAddress: '172.20.2.0/24', addresses: [] },
    ]);
    const direct = await client.create(pods, podOf({ ...metadata, name: 'two', spec: { nodeName: nodeNames[0]! } }));
    expect(attachmentsOf(direct)?.map(({ master }) => master)).to.deep.equal(['eth1', 'eth2']);
    expect(await recordsOf(client, 'bare')).to.deep.equal([]);
  });

  it('say in a dry run which NICs a pod would get', async () => {
    const { client } = running();
    const spec = { nodeName: nodeNames[2]! };
    const annotations = { [annotation.networks]: JSON.stringify([{ name: 'bare', 'cni-args': { nics: 1 } }]) };
    const pod = await client.create(pods, podOf({ namespace, name: 'dry', annotations, spec }), { dryRun: true });
    expect(attachmentsOf(pod)?.map(({ master, addresses }) => [master, addresses])).to.deep.equal([['eth1', []]]);
  });

  for (const asked of [{ ips: ['192.0.2.7/24'] }, { 'default-route': ['192.0.2.1'] }]) {
    it(`have no pod that asks for ${JSON.stringify(asked)}`, async () => {
      const annotations = { [annotation.networks]: JSON.stringify([{ name: 'bare', ...asked }]) };
      const error = await refusal(running().client.create(pods, podOf({ namespace, name: 'asking', annotations })));
      expect(error.message)
        .to.contain('in network bare, whose interfaces get no addresses')
        .and.contain('MNN_NO_ADDRESSES');
    });
  }
});
