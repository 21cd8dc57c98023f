import { expect } from 'chai';
import { host, network, one, two } from '../../test/core/surveyed.ts';
import { surveyHosts } from './survey.ts';

describe('surveyHosts', () => {
  it('counts hosts a subnet and lists NIC positions in the order of masterNets, then of addresses', () => {
    const hosts = [
      host('b', [one, one, two]),
      host('a', [two, '172.20.0.0/24']),
      host('c', ['10.0.0.0/8']),
      host('d', []),
    ];
    const survey = surveyHosts(network(), hosts);
    expect(survey).to.deep.include({ hosts: 4, withNics: 3 });
    expect(survey.members.map(({ host }) => host.metadata.name)).to.deep.equal(['a', 'b']);
    expect(survey.perSubnet).to.deep.equal([
      { netAddress: two, numOfHosts: 2 },
      { netAddress: '172.20.0.0/24', numOfHosts: 1 },
      { netAddress: one, numOfHosts: 1 },
    ]);
    expect(survey.positions).to.deep.equal([
      { netAddress: two, ordinal: 0 },
      { netAddress: '172.20.0.0/24', ordinal: 0 },
      { netAddress: one, ordinal: 0 },
      { netAddress: one, ordinal: 1 },
    ]);
  });
});
