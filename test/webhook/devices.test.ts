import { expect } from 'chai';
import { annotation } from '../../core/api/names.ts';
import type { PluginSpec } from '../../core/api/types.ts';
import { multiNicNetworks, type Pod, pods } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { installWebhooks } from '../system/webhookConfigurations.ts';
import { attachmentsOf, createNamespace, podOf, useWebhookCluster } from './support.ts';

type Container = Record<string, unknown> & { name: string };

describe('pods of networks whose NICs a device plugin hands out, through the real API server', () => {
  const running = useWebhookCluster();
  const namespace = 'devices';

  const network = async (name: string, plugin: Partial<PluginSpec>, more: object = {}) => {
    await running().client.create(multiNicNetworks, {
      apiVersion: 'multinic.fms.io/v1',
      kind: 'MultiNicNetwork',
      metadata: { name },
      spec: {
        ipam: '{"type":"host-device-ipam"}',
        plugin: { cniVersion: '1.0.0', type: 'sriov', ...plugin },
        namespaces: [namespace],
        ...more,
      },
    });
    await eventually(`the webhook to know ${name}`, () => Promise.resolve(running().webhook.view.exists(name)));
  };

  before(async () => {
    const { client, webhook } = running();
    await installWebhooks(client, webhook);
    await createNamespace(client, namespace);
    await network('vf', {});
    await network('vf-too', { args: { resourceName: 'openshift.io/vf' } }, { schedulerResources: false });
    await network('whole', { type: 'host-device', args: { resourceName: 'example.com/nic' } });
    await network('ib', { type: 'ib-sriov', args: { resourceName: 'nvidia.com/ib', pkey: '0x7fff' } });
    await network('rails', { type: 'mellanox' });
    await network('rails-later', { type: 'mellanox' });
    const status = { deviceResources: ['nvidia.com/rail1', 'nvidia.com/rail2'], lastSyncTime: '2026-01-01T00:00:00Z' };
    await client.patch(multiNicNetworks, { name: 'rails' }, 'merge', { status }, { subresource: 'status' });
    await eventually('the webhook to know the rails', () => {
      const known = running().webhook.view.network('rails');
      return Promise.resolve(known?.object.status?.deviceResources?.length === 2);
    });
  });

  const manifest = (networks: object[], containers: Container[] = [{ name: 'main' }], metadata: object = {}): Pod =>
    podOf({
      namespace,
      generateName: 'p-',
      annotations: { [annotation.networks]: JSON.stringify(networks) },
      spec: { containers: containers.map(container => ({ image: 'pause', ...container })) },
      ...metadata,
    });
  const create = (...of: Parameters<typeof manifest>): Promise<Pod> => running().client.create(pods, manifest(...of));
  const resourcesOf = (pod: Pod) => pod.spec?.containers.map(({ resources }) => resources);
  const both = (quantities: Record<string, string>) => ({ limits: quantities, requests: quantities });
  /** What kubectl prints as warnings. */
  const warnings = async (...of: Parameters<typeof manifest>): Promise<string> => {
    const { stderr } = await running().cluster.kubectl(['create', '-f', '-'], {
      input: JSON.stringify(manifest(...of)),
    });
    return stderr;
  };

  it('ask for as many devices of each resource as all their networks take together', async () => {
    const pod = await create([
      { name: 'vf', 'cni-args': { nics: 2 } },
      { name: 'vf' },
      { name: 'vf-too' },
      { name: 'whole' },
      { name: 'ib', 'cni-args': { nics: 3 } },
      { name: 'rails' },
    ]);
    const rails = { 'nvidia.com/rail1': '1', 'nvidia.com/rail2': '1' };
    const wanted = { 'openshift.io/vf': '4', 'example.com/nic': '1', 'nvidia.com/ib': '3', ...rails };
    expect(resourcesOf(pod)).to.deep.equal([both(wanted)]);
  });

  it('take NICs of the first resources where they ask for fewer, and more of these where for more', async () => {
    const one = await create([{ name: 'rails', 'cni-args': { nics: 1 } }]);
    expect(resourcesOf(one)).to.deep.equal([both({ 'nvidia.com/rail1': '1' })]);
    const three = await create([{ name: 'rails', 'cni-args': { nics: 3 } }]);
    expect(resourcesOf(three)).to.deep.equal([both({ 'nvidia.com/rail1': '2', 'nvidia.com/rail2': '1' })]);
  });

  it('keep all that their author wrote', async () => {
    const written = { limits: { memory: '1Gi', 'example.com/gpu': '1' }, requests: { cpu: '100m' } };
    const pod = await create([{ name: 'vf' }], [{ name: 'first', resources: written }, { name: 'second' }]);
    expect(resourcesOf(pod)).to.deep.equal([
      {
        limits: { memory: '1Gi', 'example.com/gpu': '1', 'openshift.io/vf': '1' },
        requests: { cpu: '100m', memory: '1Gi', 'example.com/gpu': '1', 'openshift.io/vf': '1' },
      },
      {},
    ]);
    const own = { limits: { 'openshift.io/vf': '3' } };
    const asking = await create([{ name: 'vf' }], [{ name: 'first' }, { name: 'second', resources: own }]);
    expect(resourcesOf(asking)).to.deep.equal([{}, both({ 'openshift.io/vf': '3' })]);
  });

  it('ask for the same when they come again', async () => {
    const first = await create([{ name: 'vf', 'cni-args': { nics: 2 } }, { name: 'rails' }]);
    const { annotations = {}, labels = {} } = first.metadata;
    const again = await running().client.create(
      pods,
      podOf({ namespace, generateName: 'again-', annotations, labels, spec: { containers: first.spec?.containers } }),
    );
    expect(resourcesOf(again)).to.deep.equal(resourcesOf(first));
  });

  it('are warned of what they ask for in vain', async () => {
    const few = { limits: { 'openshift.io/vf': '1' } };
    expect(await warnings([{ name: 'vf', 'cni-args': { nics: 2 } }], [{ name: 'main', resources: few }])).to.contain(
      "the containers ask for 1 openshift.io/vf, the pod's networks take 2",
    );
    expect(await warnings([{ name: 'vf', 'cni-args': { masters: ['eth1'] } }])).to.contain(
      'cni-args.masters has no effect in network vf: a device plugin hands out its NICs',
    );
    expect(await warnings([{ name: 'rails-later' }])).to.contain(
      'network rails-later: the resources of its devices are not known',
    );
    expect(resourcesOf(await create([{ name: 'rails-later' }]))).to.deep.equal([{}]);
  });

  it('get no NICs at admission, also where they name their node', async () => {
    const pod = await create([{ name: 'vf' }], undefined, {
      spec: { nodeName: 'fake-1', containers: [{ name: 'c', image: 'x' }] },
    });
    expect(attachmentsOf(pod)).to.equal(undefined);
    expect(resourcesOf(pod)).to.deep.equal([both({ 'openshift.io/vf': '1' })]);
  });
});
