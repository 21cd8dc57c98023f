import { expect } from 'chai';
import type { Allocation, PluginSpec } from '../api/types.ts';
import { readNetwork } from '../network/network.ts';
import { candidatesWith, keepsRecords, loadsOf, sumLoads } from './loads.ts';

function network(name: string, plugin: Partial<PluginSpec> = {}, more: object = {}) {
  return readNetwork({
    apiVersion: 'multinic.fms.io/v1',
    kind: 'MultiNicNetwork',
    metadata: { name },
    spec: {
      subnet: '10.200.0.0/16',
      ipam: JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 6, interfaceBlock: 2 }),
      plugin: { cniVersion: '1.0.0', type: 'ipvlan', ...plugin },
      ...more,
    },
  });
}

const record = (
  name: string,
  masters: Record<string, number>,
  state: Allocation['state'] = 'Allocated',
): Allocation => ({
  podUID: name,
  namespace: 'ai',
  name,
  interface: 'net1',
  nics: Object.entries(masters).map(([master, promisedMbps]) => ({
    master,
    netAddress: '172.20.1.0/24',
    addresses: [],
    ...(promisedMbps > 0 && { promisedMbps }),
  })),
  state,
  since: '2026-01-01T00:00:00.000Z',
});

const member = (interfaceName: string) => ({
  nic: { interfaceName },
  netAddress: '172.20.1.0/24',
  ordinal: 0,
  hostAddresses: [],
});

describe('the load of NICs', () => {
  const cost = network('cost', {}, { attachPolicy: { strategy: 'costOpt' } });
  const whole = network('whole', { type: 'host-device' });
  const shared = network('shared');

  it('is the sum of what live records were promised, of all networks', () => {
    const one = loadsOf(cost, [
      record('p', { eth1: 10, eth2: 5 }),
      record('q', { eth1: 7 }),
      record('r', { eth1: 9 }, 'Released'),
    ]);
    const other = loadsOf(network('perf', {}, { attachPolicy: { strategy: 'perfOpt' } }), [record('s', { eth2: 3 })]);
    const candidates = candidatesWith(cost, ['eth1', 'eth2', 'eth3'].map(member), sumLoads([one, other]));
    expect(candidates.map(({ promisedMbps }) => promisedMbps)).to.deep.equal([17, 8, 0]);
    expect(candidates.map(({ takenBy }) => takenBy)).to.deep.equal([undefined, undefined, undefined]);
  });

  it('of a NIC that a pod has to itself leaves nothing for others', () => {
    const loads = loadsOf(whole, [record('p', { eth1: 0 })]);
    const [eth1, eth2] = candidatesWith(shared, ['eth1', 'eth2'].map(member), loads);
    expect(eth1?.takenBy).to.equal('pod ai/p (network whole)');
    expect(eth2).not.to.have.property('takenBy');
  });

  it('of a NIC that anybody uses leaves nothing for who wants all of it', () => {
    const loads = loadsOf(shared, [record('p', { eth1: 0 })]);
    expect(candidatesWith(whole, [member('eth1')], loads)[0]?.takenBy).to.equal('pod ai/p (network shared)');
    expect(candidatesWith(shared, [member('eth1')], loads)[0]).not.to.have.property('takenBy');
  });

  it('is kept of networks with addresses, bandwidth or whole NICs', () => {
    const foreign = { ipam: '{"type":"whereabouts"}', subnet: '' };
    const kept = (plugin: Partial<PluginSpec>, more: object = {}) =>
      keepsRecords(network('n', plugin, { ...foreign, ...more }));
    expect(keepsRecords(shared)).to.equal(true);
    expect(kept({})).to.equal(false);
    expect(kept({}, { attachPolicy: { strategy: 'perfOpt' } })).to.equal(true);
    expect(kept({ type: 'host-device' })).to.equal(true);
    expect(kept({ type: 'macvlan', args: { mode: 'passthru' } })).to.equal(false);
    expect(kept({ type: 'sriov' }, { attachPolicy: { strategy: 'costOpt' } })).to.equal(false);
  });
});
