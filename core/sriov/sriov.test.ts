import { expect } from 'chai';
import type { HostInterface, HostNic, MultiNicNetwork } from '../api/types.ts';
import { membersOf } from '../layout/members.ts';
import { readNetwork } from '../network/network.ts';
import { mellanoxResources, type NicClusterPolicy } from './mellanoxResources.ts';
import { mendedSpec } from './mend.ts';
import { sriovNetworkOf, sriovPolicyOf } from './objects.ts';
import { rootDevices } from './rootDevices.ts';

const owner = { apiVersion: 'multinic.fms.io/v1', kind: 'MultiNicNetwork', name: 'n', uid: 'u' };
const devices = ['0000:3b:00.0'];

function network(args: Record<string, string> = {}, spec: Partial<MultiNicNetwork['spec']> = {}) {
  return readNetwork({
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    metadata: { name: 'rdma-vf.2' },
    spec: {
      masterNets: ['172.20.1.0/24'],
      ipam: '{"type":"host-local","subnet":"10.1.0.0/16"}',
      plugin: { cniVersion: '0.3.1', type: 'sriov', args },
      ...spec,
    },
  });
}

describe('sriovPolicyOf', () => {
  it('makes one virtual function of each NIC, by address, as a resource named as the network', () => {
    const { metadata, spec, kind } = sriovPolicyOf(network(), owner, devices)!;
    expect(kind).to.equal('SriovNetworkNodePolicy');
    expect(metadata).to.deep.equal({
      name: 'rdma-vf.2',
      namespace: 'openshift-sriov-network-operator',
      labels: { 'multinic.fms.io/network': 'rdma-vf.2' },
      ownerReferences: [owner],
    });
    expect(spec).to.deep.equal({
      resourceName: 'rdmavf2',
      nodeSelector: { 'feature.node.kubernetes.io/network-sriov.capable': 'true' },
      nicSelector: { rootDevices: devices },
      deviceType: 'netdevice',
      numVfs: 1,
    });
  });

  const cases: [args: Record<string, string>, fields: object][] = [
    [
      { numVfs: '8', priority: '10', mtu: '9000' },
      { numVfs: 8, priority: 10, mtu: 9000 },
    ],
    [{ priority: '0' }, { priority: 0 }],
    [
      { isRdma: 'true', needVhostNet: 'true' },
      { isRdma: true, needVhostNet: true },
    ],
    [
      { isRdma: 'false', numVfs: 'many', resourceName: '' },
      { numVfs: 1, resourceName: 'rdmavf2' },
    ],
  ];
  for (const [args, fields] of cases) {
    it(`turns ${JSON.stringify(args)} into ${JSON.stringify(fields)}`, () => {
      const { spec } = sriovPolicyOf(network(args), owner, devices)!;
      expect(spec).to.deep.equal({ ...sriovPolicyOf(network(), owner, devices)!.spec, ...fields });
    });
  }

  it('is none for a resource that exists, for another type, and without NICs', () => {
    expect(sriovPolicyOf(network({ resourceName: 'own' }), owner, devices)).to.equal(undefined);
    const ipvlan = network({}, { plugin: { cniVersion: '0.3.1', type: 'ipvlan' } });
    expect(sriovPolicyOf(ipvlan, owner, devices)).to.equal(undefined);
    expect(sriovPolicyOf(network(), owner, [])).to.equal(undefined);
  });
});

describe('sriovNetworkOf', () => {
  const spec = (args?: Record<string, string>, change?: Partial<MultiNicNetwork['spec']>) =>
    sriovNetworkOf(network(args, change), owner)!.spec;

  it('has another name than the network, whose definition the operator would write otherwise', () => {
    const { metadata } = sriovNetworkOf(network(), owner)!;
    expect(metadata).to.deep.include({ name: 'rdma-vf.2-net', namespace: 'openshift-sriov-network-operator' });
    expect(metadata.ownerReferences).to.deep.equal([owner]);
  });

  it('has the settings of virtual functions in every spelling, switches as on and off', () => {
    const switches = { spoofChk: 'off', trust: 'on', linkState: 'enable' };
    const wanted = { vlan: 120, vlanQoS: 3, minTxRate: 0, maxTxRate: 100, ...switches };
    const args = { vlan: '120', spoofchk: 'false', trust: 'on' };
    const other = { vlanQoS: '3', minTxRate: '0', maxTxRate: '100', linkState: 'enable' };
    expect(spec({ ...args, ...other })).to.deep.include(wanted);
    const own = { vlanQos: '3', min_tx_rate: '0', max_tx_rate: '100', link_state: 'enable' };
    expect(spec({ ...args, ...own })).to.deep.include(wanted);
    expect(spec({ vlan: 'x', trust: 'maybe', link_state: 'up' })).to.have.all.keys('resourceName', 'ipam');
  });

  it('names an existing resource without its prefix, which the operator adds', () => {
    expect(spec().resourceName).to.equal('rdmavf2');
    expect(spec({ resourceName: 'own' }).resourceName).to.equal('own');
    expect(spec({ resourceName: 'openshift.io/own' }).resourceName).to.equal('own');
  });

  it("has the IPAM of a plugin, not the kinds that are this system's", () => {
    expect(spec().ipam).to.equal('{"type":"host-local","subnet":"10.1.0.0/16"}');
    expect(spec({}, { ipam: '{"type":"multi-nic-ipam","hostBlock":4,"interfaceBlock":2}' }).ipam).to.equal(undefined);
    for (const ipam of ['{}', '', '{"type":""}']) expect(spec({}, { ipam }).ipam, ipam).to.equal(undefined);
  });
});

describe('rootDevices', () => {
  const nic = (pciAddress: string, netAddress = '172.20.1.0/24'): HostNic => ({
    interfaceName: `nic-${pciAddress}`,
    pciAddress,
    ...(netAddress !== '' && { netAddress }),
  });
  const host = (...interfaces: HostNic[]): HostInterface => ({
    apiVersion: '',
    kind: '',
    metadata: { name: 'h' },
    spec: { hostName: 'h', interfaces },
  });
  const devicesOf = (hosts: HostInterface[], stored: string[] = []) =>
    rootDevices(hosts, ({ spec }) => membersOf(network(), spec), stored);
  const [a, b] = ['0000:3b:00.0', '0000:af:00.1'];

  it('are those of the members of every host, once, sorted', () => {
    expect(devicesOf([host(nic(b), nic('0000:01:00.0', '10.0.0.0/8')), host(nic(a), nic(b))])).to.deep.equal([a, b]);
  });

  it('are PCI addresses only, in the letters of the kernel', () => {
    expect(devicesOf([host(nic('0000:AF:00.1'), nic('unknown'), nic(''))])).to.deep.equal([b]);
  });

  it('stay while their NIC has no address or the host is gone, and go when it belongs elsewhere', () => {
    expect(devicesOf([], [b])).to.deep.equal([b]);
    expect(devicesOf([host(nic(a), nic(b, ''))], [a, b])).to.deep.equal([a, b]);
    expect(devicesOf([host(nic(a), nic(b, '10.0.0.0/8'))], [a, b])).to.deep.equal([a]);
    expect(devicesOf([host(nic(b, '10.0.0.0/8')), host(nic(b))], [b])).to.deep.equal([b]);
  });
});

describe('mendedSpec', () => {
  const mended = (stored: object, wanted: { vlan?: number; trust?: string; linkState?: string }) =>
    mendedSpec(stored, wanted, ['vlan', 'trust']);

  it('is nothing where our fields are as wanted, also where a zero was dropped or others are there', () => {
    expect(mended({ vlan: 1, linkState: 'auto' }, { vlan: 1 })).to.equal(undefined);
    expect(mended({}, { vlan: 0 })).to.equal(undefined);
    expect(mended({ vlan: 0 }, {})).to.equal(undefined);
  });

  it('sets and takes away our fields and keeps the others', () => {
    const stored = { vlan: 1, trust: 'on', linkState: 'auto' };
    expect(mended(stored, { vlan: 2 })).to.deep.equal({ vlan: 2, linkState: 'auto' });
    const said = { vlan: 1, trust: 'on', linkState: 'enable' };
    expect(mended(stored, said)).to.deep.equal(said);
  });
});

describe('mellanoxResources', () => {
  const policy = (config: unknown, name = 'nic-cluster-policy'): NicClusterPolicy => ({
    metadata: { name },
    spec: { sriovDevicePlugin: { config: typeof config === 'string' ? config : JSON.stringify(config) } },
  });
  const entry = { resourcePrefix: 'mellanox.com', resourceName: 'rail1' };

  it('are prefix and name of every entry; the default prefix where none is given, nothing without a name', () => {
    const resourceList = [entry, { resourceName: 'rail2' }, { resourcePrefix: 'nvidia.com' }, 7, null, entry];
    const found = { kind: 'found', resources: ['mellanox.com/rail1', 'nvidia.com/rail2'] };
    expect(mellanoxResources([policy({ resourceList })])).to.deep.equal(found);
  });

  it('are those of the first policy by name that has some', () => {
    const policies = [policy({ resourceList: [entry] }, 'c'), policy({ resourceList: [] }, 'a'), policy('{', 'b')];
    expect(mellanoxResources(policies)).to.deep.equal({ kind: 'found', resources: ['mellanox.com/rail1'] });
  });

  const unusable: [name: string, policies: NicClusterPolicy[], text: string][] = [
    ['no policy', [], 'create one that lists them'],
    ['no device plugin', [{ metadata: { name: 'p' }, spec: {} }], 'NicClusterPolicy p: spec.sriovDevicePlugin.config'],
    ['no JSON', [policy('resourceList: []')], 'is not JSON'],
    ['no list', [policy({ resourceList: {} })], 'add one'],
    ['a list without names', [policy({ resourceList: [{ resourcePrefix: 'nvidia.com' }] })], 'add one'],
    ['JSON of another kind', [policy('[]')], 'add one'],
  ];
  for (const [name, policies, text] of unusable) {
    it(`says what to do with ${name}`, () => {
      const found = mellanoxResources(policies);
      expect(found.kind === 'none' && found.problem).to.contain(text);
    });
  }
});
