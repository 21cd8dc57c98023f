import { expect } from 'chai';
import { host, network, one, two } from '../../test/core/surveyed.ts';
import { type Allocated, hostsState } from './hosts.ts';
import { surveyHosts } from './survey.ts';

describe('hostsState', () => {
  const allocated: Allocated = { hasIndex: () => true, indexes: 64, refused: [], unassigned: [], keptIndexes: [] };
  const survey = surveyHosts(network(), [host('a', [two]), host('b', [two])]);

  it('distinguishes waiting hosts from those that no index was left for', () => {
    const hasIndex = (name: string): boolean => name === 'a';
    expect(hostsState(network(), survey, { ...allocated, hasIndex })).to.deep.include({
      configStatus: 'WaitForConfig',
      processed: 1,
    });
    const full = hostsState(network(), survey, { ...allocated, hasIndex, refused: ['b'] });
    expect(full.configStatus).to.equal('Failed');
    expect(full.condition.message).to.match(/1 of 2 hosts \(b\): hostBlock 6 gives 64/);
  });

  it('names NIC positions that no interface index was left for', () => {
    const full = hostsState(network(), survey, { ...allocated, unassigned: [{ netAddress: one, ordinal: 1 }] });
    expect(full.configStatus).to.equal('Failed');
    expect(full.condition.message).to.contain('172.20.1.0/24 (NIC 2 of a host): interfaceBlock 2 gives 4');
  });

  it('has nothing to allocate where another plugin gives the addresses', () => {
    const foreign = network({ type: 'whereabouts' });
    expect(hostsState(foreign, surveyHosts(foreign, []), allocated).configStatus).to.equal('Success');
    const bare = network({}, { ipam: '{}' });
    const { condition, configStatus } = hostsState(bare, surveyHosts(bare, []), allocated);
    expect(configStatus).to.equal('Success');
    expect(condition.message).to.equal('pods get interfaces without addresses');
  });
});
