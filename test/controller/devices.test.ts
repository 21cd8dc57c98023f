import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import type { HostInterface, MultiNicNetworkSpec } from '../../core/api/types.ts';
import { sriovNamespace } from '../../core/sriov/objects.ts';
import {
  hostInterfaces,
  multiNicNetworks,
  networkAttachmentDefinitions,
  nicClusterPolicies,
  sriovNetworks,
  sriovNodePolicies,
} from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { controllerSite } from './site.ts';
import { createNamespace, host, network } from './support.ts';

const operatorCrds = join(import.meta.dirname, '../system/operatorCrds.yaml');
const resourceName = 'k8s.v1.cni.cncf.io/resourceName';
/** What the operator's schema adds to a SriovNetwork. */
const byDefault = { logLevel: 'info' };

describe('Devices of other operators, against a real API server', function () {
  this.timeout(120_000);
  const site = controllerSite('devices');

  const plugin = (type: string, args: Record<string, string> = {}): Partial<MultiNicNetworkSpec> => ({
    namespaces: ['default'],
    plugin: { cniVersion: '0.3.1', type, args },
  });
  const change = (name: string, spec: object) => site.client.patch(multiNicNetworks, { name }, 'merge', { spec });
  const place = (name: string) => ({ namespace: sriovNamespace, name });
  const policyOf = (name: string) => site.client.find(sriovNodePolicies, place(name));
  const sriovNetworkOf = (name: string) => site.client.find(sriovNetworks, place(`${name}-net`));
  const annotationOf = async (name: string) => {
    const definition = await site.client.find(networkAttachmentDefinitions, { namespace: 'default', name });
    return definition && (definition.metadata.annotations?.[resourceName] ?? 'none');
  };
  const annotated = (name: string, resources: string) =>
    eventually(`${name} annotated with ${resources}`, async () => (await annotationOf(name)) === resources);
  const listed = (name: string, ...resources: string[]) =>
    eventually(`the status of ${name} to list ${resources.join()}`, async () => {
      const { deviceResources = [] } = (await site.seen.status(name)) ?? {};
      return deviceResources.join() === resources.join();
    });
  const condition = (name: string, reason: string) =>
    eventually(`condition ${reason} of ${name}`, async () => {
      const condition = await site.seen.condition(name, 'DefinitionsReady');
      return condition?.reason === reason && condition;
    });

  it('names a resource in definitions without the operators, makes none of their objects, and does so once it can', async () => {
    await site.client.create(hostInterfaces, sriovHost('n-0', ['0000:3b:00.0', '0000:3b:00.1']));
    await site.client.create(multiNicNetworks, network('early-vf', plugin('sriov', { vlan: '120', trust: 'true' })));
    await site.client.create(
      multiNicNetworks,
      network('early-mlx', { ...plugin('mellanox'), subnet: '10.201.0.0/16' }),
    );
    await annotated('early-vf', 'openshift.io/earlyvf');
    await listed('early-vf', 'openshift.io/earlyvf');
    await condition('early-vf', 'DefinitionsReady');
    expect((await condition('early-mlx', 'NoDeviceResource')).message).to.contain(
      'install the NVIDIA network operator',
    );
    expect((await site.seen.status('early-mlx'))?.configStatus).to.equal('Failed');
    await eventually('event', async () => (await site.seen.reasons('early-mlx')).includes('NoDeviceResource'));
    expect(await annotationOf('early-mlx')).to.equal(undefined);

    await site.cluster.kubectl(['apply', '-f', operatorCrds]);
    expect((await condition('early-vf', 'SriovObjectsMissing')).message).to.contain(`no namespace ${sriovNamespace}`);
    await eventually('the policy is asked for', async () => {
      const { message = '' } = (await site.seen.condition('early-mlx', 'DefinitionsReady')) ?? {};
      return message.includes('create one that lists them');
    });
    await createNamespace(site.client, sriovNamespace);
    const policy = await eventually('the policy', () => policyOf('early-vf'));
    expect(policy.spec).to.deep.include({ resourceName: 'earlyvf', numVfs: 1, deviceType: 'netdevice' });
    expect(policy.spec.nicSelector).to.deep.equal({ rootDevices: ['0000:3b:00.0', '0000:3b:00.1'] });
    const made = await eventually('the network', () => sriovNetworkOf('early-vf'));
    expect(made.spec).to.deep.equal({ resourceName: 'earlyvf', vlan: 120, trust: 'on', ...byDefault });
    const { uid } = (await site.client.get(multiNicNetworks, { name: 'early-vf' })).metadata;
    for (const { metadata } of [policy, made])
      expect(metadata.ownerReferences?.map(owner => owner.uid)).to.deep.equal([uid]);
    await condition('early-vf', 'DefinitionsReady');
  });

  it('follows hosts and arguments, leaves what others set, and mends what they broke', async () => {
    await site.client.create(
      multiNicNetworks,
      network('vf', plugin('sriov', { numVfs: '4', isRdma: 'true', vlan: '7' })),
    );
    const made = await eventually('the network', () => sriovNetworkOf('vf'));
    expect(await policyOf('vf'), 'a policy that would select every NIC').to.equal(undefined);
    await site.client.create(hostInterfaces, sriovHost('n-0', ['0000:3b:00.0']));
    const devices = (...addresses: string[]) =>
      eventually(`NICs ${addresses.join()}`, async () => {
        const policy = await policyOf('vf');
        return policy?.spec.nicSelector.rootDevices.join() === addresses.join() && policy;
      });
    await devices('0000:3b:00.0');
    await site.client.create(hostInterfaces, sriovHost('n-1', ['0000:af:00.0']));
    expect((await devices('0000:3b:00.0', '0000:af:00.0')).spec).to.deep.include({ numVfs: 4, isRdma: true });
    await site.client.patch(sriovNodePolicies, place('vf'), 'merge', { spec: { numVfs: 64, linkType: 'ib' } });
    await site.client.patch(sriovNetworks, made.metadata, 'merge', { spec: { linkState: 'auto' } });
    await eventually('mended', async () => (await policyOf('vf'))?.spec.numVfs === 4);
    expect((await policyOf('vf'))?.spec).to.deep.include({ linkType: 'ib' });

    await change('vf', { plugin: { args: { vlan: null, spoofchk: 'off', isRdma: 'false' } } });
    const spec = await eventually('changed', async () => {
      const now = await sriovNetworkOf('vf');
      return now?.spec.spoofChk === 'off' && now.spec;
    });
    expect(spec).to.deep.equal({ resourceName: 'vf', spoofChk: 'off', linkState: 'auto', ...byDefault });
    await eventually('no RDMA', async () => (await policyOf('vf'))?.spec.isRdma === undefined);
  });

  it('takes away what the network does not say any more, also a link state, which others may set as well', async () => {
    const args = { link_state: 'enable', vlan: '7', vlanQoS: '3', min_tx_rate: '5', max_tx_rate: '9', trust: 'on' };
    await site.client.create(multiNicNetworks, network('linked', plugin('sriov', args)));
    const specIs = (wanted: object) =>
      eventually(`the network to say ${JSON.stringify(wanted)}`, async () =>
        isDeepStrictEqual((await sriovNetworkOf('linked'))?.spec, { ...wanted, ...byDefault }),
      );
    const rates = { minTxRate: 5, maxTxRate: 9 };
    await specIs({ resourceName: 'linked', vlan: 7, vlanQoS: 3, ...rates, trust: 'on', linkState: 'enable' });
    await change('linked', { plugin: { args: null } });
    await specIs({ resourceName: 'linked' });

    // Of two who want the same, one that gives up takes nothing from the other.
    await change('linked', { plugin: { args: { link_state: 'enable' } } });
    await specIs({ resourceName: 'linked', linkState: 'enable' });
    const manifest = {
      apiVersion: 'sriovnetwork.openshift.io/v1',
      kind: 'SriovNetwork',
      metadata: place('linked-net'),
    };
    const input = JSON.stringify({ ...manifest, spec: { resourceName: 'linked', linkState: 'enable' } });
    await site.cluster.kubectl(['apply', '--server-side', '-f', '-'], { input });
    await change('linked', { plugin: { args: { vlan: '8' } } });
    await change('linked', { plugin: { args: { link_state: null } } });
    await specIs({ resourceName: 'linked', vlan: 8, linkState: 'enable' });
  });

  it('makes no policy for a resource that exists, and removes all when the type changes or the network goes', async () => {
    await site.client.create(hostInterfaces, sriovHost('n-0', ['0000:3b:00.0']));
    await site.client.create(multiNicNetworks, network('turned', plugin('sriov')));
    await eventually('the policy', () => policyOf('turned'));
    await annotated('turned', 'openshift.io/turned');
    await change('turned', { plugin: { args: { resourceName: 'own' } } });
    await eventually('no policy', async () => (await policyOf('turned')) === undefined);
    await annotated('turned', 'openshift.io/own');
    await eventually('its resource', async () => (await sriovNetworkOf('turned'))?.spec.resourceName === 'own');

    await change('turned', { plugin: { type: 'ipvlan', args: null } });
    await eventually('no network', async () => (await sriovNetworkOf('turned')) === undefined);
    await annotated('turned', 'none');
    const user = { metadata: { annotations: { [resourceName]: 'of/users' } } };
    await site.client.patch(networkAttachmentDefinitions, { namespace: 'default', name: 'turned' }, 'merge', user);
    await change('turned', { plugin: { args: { mtu: '1400' } } });
    await eventually('the definition', async () => {
      const now = await site.client.find(networkAttachmentDefinitions, { namespace: 'default', name: 'turned' });
      return now?.spec?.config?.includes('1400');
    });
    expect(await annotationOf('turned')).to.equal('of/users');

    await change('turned', { plugin: { type: 'sriov', args: null } });
    await eventually('the policy', () => policyOf('turned'));
    await annotated('turned', 'openshift.io/turned');
    await site.client.delete(multiNicNetworks, { name: 'turned' });
    await eventually('nothing is left', async () => !(await policyOf('turned')) && !(await sriovNetworkOf('turned')));
  });

  it('names the resource that a network of any other plugin names, as long as it does', async () => {
    const resource = 'example.com/nic';
    for (const type of ['ib-sriov', 'host-device']) {
      const spec = { ...plugin(type, { resourceName: resource }), subnet: '', ipam: '{}', multiNICIPAM: false };
      await site.client.create(multiNicNetworks, network(`of-${type}`, spec));
      await annotated(`of-${type}`, resource);
      await listed(`of-${type}`, resource);
      await change(`of-${type}`, { plugin: { args: { resourceName: null } } });
      await annotated(`of-${type}`, 'none');
      await listed(`of-${type}`);
    }
  });

  it("leaves somebody else's policy of the same name alone and says what is wrong with it", async () => {
    await site.client.create(hostInterfaces, sriovHost('n-0', ['0000:3b:00.0']));
    await site.client.create(sriovNodePolicies, {
      apiVersion: '',
      kind: '',
      metadata: place('shared'),
      spec: {
        resourceName: 'theirs',
        nodeSelector: {},
        nicSelector: { rootDevices: [] },
        deviceType: 'netdevice',
        numVfs: 2,
      },
    });
    await site.client.create(multiNicNetworks, network('shared', plugin('sriov')));
    expect((await condition('shared', 'SriovObjectsMissing')).message).to.contain('is not ours and makes theirs');
    await site.client.patch(sriovNodePolicies, place('shared'), 'merge', { spec: { resourceName: 'shared' } });
    await condition('shared', 'DefinitionsReady');
    await site.client.delete(multiNicNetworks, { name: 'shared' });
    await eventually('ours is gone', async () => (await sriovNetworkOf('shared')) === undefined);
    expect((await policyOf('shared'))?.spec.numVfs).to.equal(2);
  });

  it('keeps the resources of mellanox networks as the NicClusterPolicy has them', async () => {
    const config = (...resourceList: object[]) => ({
      spec: { sriovDevicePlugin: { config: JSON.stringify({ resourceList }) } },
    });
    const policy = { metadata: { name: 'nic-cluster-policy' } };
    await site.client.create(nicClusterPolicies, { ...policy, ...config({ resourceName: 'rail1' }) });
    await site.client.create(multiNicNetworks, network('mlx', plugin('mellanox')));
    await annotated('mlx', 'nvidia.com/rail1');
    const two = config({ resourceName: 'rail1' }, { resourcePrefix: 'mellanox.com', resourceName: 'rail2' });
    await site.client.patch(nicClusterPolicies, policy.metadata, 'merge', two);
    await listed('mlx', 'nvidia.com/rail1', 'mellanox.com/rail2');
    // The network resources injector and KubeVirt request what it says of every pod, and no resource has a name for two.
    await annotated('mlx', 'none');
    await condition('mlx', 'DefinitionsReady');
    await site.client.patch(nicClusterPolicies, policy.metadata, 'merge', config({ resourcePrefix: 'nvidia.com' }));
    expect((await condition('mlx', 'NoDeviceResource')).message).to.contain('NicClusterPolicy nic-cluster-policy');
    await listed('mlx', 'nvidia.com/rail1', 'mellanox.com/rail2');
    await site.client.patch(nicClusterPolicies, policy.metadata, 'merge', config({ resourceName: 'rail2' }));
    await annotated('mlx', 'nvidia.com/rail2');
  });
});

/** A host whose n-th NIC has the n-th PCI address; the user's, as there is no Node that it would be deleted without. */
function sriovHost(name: string, addresses: readonly string[]): HostInterface {
  const made = host(name, Number(name.split('-')[1]));
  const interfaces = made.spec.interfaces.flatMap((nic, i) => {
    const pciAddress = addresses[i];
    return pciAddress === undefined ? [] : [{ ...nic, pciAddress }];
  });
  return {
    ...made,
    metadata: { name, labels: { 'multi-nic-unmanaged': 'true' } },
    spec: { ...made.spec, interfaces },
  };
}
