import { expect } from 'chai';
import { network, type Shape } from '../../test/core/networks.ts';
import type { HostNic } from '../api/types.ts';
import { compareSpecs, validateChange, validateDeletion } from './validateChange.ts';

describe('changing a network', () => {
  const allocation = (podUID: string, address: string, state: 'Allocated' | 'Released' = 'Allocated') => ({
    ...{ podUID, namespace: 'ns', name: `pod-${podUID}`, interface: 'net1', state, since: '2026-01-01T00:00:00Z' },
    nics: [{ master: 'eth1', netAddress: '172.20.1.0/24', addresses: [`${address}/19`] }],
  });
  const held = [
    allocation('a', '10.200.0.65'),
    allocation('b', '10.200.0.66'),
    allocation('c', '10.200.0.67', 'Released'),
  ];
  const change = (
    after: Shape,
    allocations = held,
    { from = {}, nic = {} }: { from?: Shape; nic?: Partial<HostNic> } = {},
  ) => {
    const [before, now] = [network('a', from), network('a', after)];
    const interfaces = [{ interfaceName: 'eth1', netAddress: '172.20.1.0/24', hostIP: '172.20.1.11', ...nic }];
    const findings = validateChange(now, compareSpecs(before, now), {
      allocations,
      hosts: [{ hostName: 'n', interfaces }],
    });
    return findings.map(f => `${f.code} ${f.path}: ${f.detail}`);
  };

  it('is allowed while no pod holds an address', () => {
    expect(change({ subnet: '10.9.0.0/16', ipam: { hostBlock: 4 } }, [])).to.deep.equal([]);
    expect(change({ subnet: '10.9.0.0/16' }, held.slice(2))).to.deep.equal([]);
  });

  it('is refused where addresses in use would move', () => {
    expect(change({ subnet: '', ipam: { hostBlock: 8, interfaceBlock: 2 } })).to.deep.equal([
      'MNN_IN_USE spec.subnet: it cannot change from 10.200.0.0/16 to "" while 2 pods hold addresses of the network',
      'MNN_IN_USE spec.ipam: interfaceBlock cannot change from 3 to 2 while 2 pods hold addresses of the network',
      'MNN_IN_USE spec.ipam: hostBlock cannot change from 7 to 8 while 2 pods hold addresses of the network',
    ]);
    expect(change({ ipam: { type: 'whereabouts' } }, held.slice(0, 1))).to.deep.equal([
      'MNN_IN_USE spec.ipam: type cannot change from multi-nic-ipam to whereabouts while 1 pod holds addresses of the network',
    ]);
  });

  it('is free where only the spelling differs, or what no address rests on', () => {
    expect(change({ subnet: '10.200.0.1/16', masterNets: ['172.20.1.0/24'], namespaces: ['ns', 'x'] })).to.deep.equal(
      [],
    );
  });

  it('warns where pods that run lose the routes between nodes', () => {
    expect(change({ masterNets: ['172.20.1.0/24'] })).to.deep.equal([]);
    expect(change({ masterNets: ['172.20.2.0/24'] })).to.deep.equal([
      'MNN_IN_USE spec.masterNets: leaves out 172.20.1.0/24, which has no routes between nodes then: 2 pods have addresses there (ns/pod-a and 1 more)',
    ]);
    const from = { plugin: { cniVersion: '1.0.0', type: 'ptp' } };
    expect(change({ ...from, ipam: { vlanMode: 'l2' } }, held.slice(0, 1), { from })).to.deep.equal([
      'MNN_IN_USE spec.ipam: vlanMode is not l3 any more, so there are no routes between nodes then: 1 pod has addresses (ns/pod-a)',
    ]);
    expect(change({ ...from, ipam: { vlanMode: 'l3s' } }, held, { from })).to.deep.equal([]);
    expect(change({ masterNets: ['172.20.2.0/24'] }, held.slice(2))).to.deep.equal([]);
  });

  it('warns where NICs that pods have addresses on move to another place in the layout', () => {
    const onRail = held.map(record => ({ ...record, nics: [{ ...record.nics[0]!, netAddress: '172.16.0.0/16' }] }));
    const [rail, wider] = [{ masterNets: ['172.16.0.0/16'] }, { masterNets: ['172.16.0.0/15'] }];
    const nic = { netAddress: '172.16.0.0/31', hostIP: '172.16.0.1' };
    expect(change(wider, onRail, { from: rail, nic })).to.deep.equal([
      'MNN_IN_USE spec.masterNets: moves NICs from 172.16.0.0/16 to 172.16.0.0/15 in the layout, so addresses of pods on these have no routes between nodes then: 2 pods have addresses there (ns/pod-a and 1 more)',
    ]);
    expect(change({ masterNets: ['172.16.0.0/16', '172.18.0.0/16'] }, onRail, { from: rail, nic })).to.deep.equal([]);
    const dual = { addresses: [{ netAddress: 'fd00:1::/64', hostIP: 'fd00:1::11' }] };
    const both = { masterNets: ['172.20.1.0/24', 'fd00:1::/64'] };
    expect(change({ masterNets: both.masterNets.toReversed() }, held, { from: both, nic: dual }).join()).to.contain(
      'moves NICs from 172.20.1.0/24 to fd00:1::/64',
    );
    expect(change({ masterNets: ['172.20.0.0/16'] }, held, { from: { masterNets: ['172.20.1.0/24'] } })).to.deep.equal(
      [],
    );
  });

  it('warns where interfaces of pods that run keep those of new pods off the NICs', () => {
    const l3 = { plugin: { cniVersion: '1.0.0', type: 'ipvlan', args: { mode: 'l3' } } };
    const of = (type: string, mode: string): Shape => ({ plugin: { ...l3.plugin, type, args: { mode } } });
    expect(change(of('ipvlan', 'l3s'), held, { from: l3 })).to.deep.equal([
      'MNN_IN_USE spec.plugin: a NIC carries ipvlan in one mode only, so on the nodes of pods that run new ones start only when these have ended: 2 pods have interfaces (ns/pod-a and 1 more)',
    ]);
    expect(change({ ...of('macvlan', 'bridge'), ipam: { vlanMode: 'l2' } }, held, { from: l3 }).join()).to.contain(
      'spec.plugin: a NIC carries either ipvlan or macvlan, so',
    );
    expect(change(of('ptp', ''), held, { from: l3 })).to.deep.equal([]);
    expect(change(of('ipvlan', 'l3s'), held.slice(2), { from: l3 })).to.deep.equal([]);
  });

  it('warns where it leaves out the namespaces of pods that run', () => {
    const others = { namespaces: ['other'] };
    expect(change(others)).to.deep.equal([
      'MNN_IN_USE spec.namespaces: leaves out namespaces whose pods run on, but do not start again once their node was rebooted: 2 pods have addresses there (ns/pod-a and 1 more)',
    ]);
    expect(change(others, held, { from: { namespaces: ['ns', 'other'] } })).to.have.length(1);
    expect(change({}, held, { from: others })).to.deep.equal([]);
    expect(change(others, held.slice(2))).to.deep.equal([]);
  });

  it('may only exclude what no pod holds', () => {
    expect(change({ ipam: { excludeCIDRs: ['10.200.0.67'] } })).to.deep.equal([]);
    expect(change({ ipam: { excludeCIDRs: ['10.200.0.64/28'] } })).to.deep.equal([
      'MNN_IN_USE spec.ipam: excludeCIDRs: 10.200.0.64/28 covers addresses of 2 pods (ns/pod-a and 1 more)',
    ]);
    expect(change({ ipam: { excludeCIDRs: ['10.200.0.64/28'] } }, held.slice(0, 1))).to.deep.equal([
      'MNN_IN_USE spec.ipam: excludeCIDRs: 10.200.0.64/28 covers addresses of 1 pod (ns/pod-a)',
    ]);
  });
});

describe('deleting a network', () => {
  const record = (state: 'Allocated' | 'Reserved' | 'Released', addresses: string[]) => ({
    ...{ podUID: 'a', namespace: 'ns', name: 'pod-a', interface: 'net1', state, since: '2026-01-01T00:00:00Z' },
    nics: [{ master: 'eth1', netAddress: '172.20.1.0/24', addresses }],
  });

  it('is allowed where no pod holds an address', () => {
    expect(validateDeletion([record('Released', ['10.200.0.65/19']), record('Allocated', [])])).to.deep.equal([]);
  });

  for (const state of ['Allocated', 'Reserved'] as const) {
    it(`is refused while an address is ${state}`, () => {
      const [finding] = validateDeletion([record(state, ['10.200.0.65/19'])]);
      expect(finding).to.include({ severity: 'error', code: 'MNN_IN_USE', path: 'metadata.name' });
      expect(finding?.detail).to.contain('ns/pod-a');
    });
  }
});
