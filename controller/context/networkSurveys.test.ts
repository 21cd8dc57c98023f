import { expect } from 'chai';
import { largeCluster } from '../../bench/support/largeCluster.ts';
import { readNetwork } from '../../core/network/network.ts';
import { surveyHosts } from '../../core/status/survey.ts';
import { NetworkSurveys } from './networkSurveys.ts';

describe('NetworkSurveys', () => {
  const { network: object, hosts } = largeCluster(3, 2);
  const network = readNetwork(object);
  const other = readNetwork({ ...object, metadata: { name: 'other' } });
  const ofOneNic = readNetwork({ ...object, spec: { ...object.spec, masterNets: ['172.17.0.0/16'] } });

  it('are made once for all networks that select the same NICs, as long as no host changes', () => {
    const surveys = new NetworkSurveys(() => hosts);
    expect(surveys.survey(other)).to.equal(surveys.survey(network));
    expect(surveys.survey(ofOneNic)).to.deep.equal(surveyHosts(ofOneNic, hosts));
    expect(surveys.survey(ofOneNic)).to.not.equal(surveys.survey(network));
  });

  it('are made anew when a host has come, changed or gone', () => {
    let there: typeof hosts = hosts.slice(0, 2);
    const surveys = new NetworkSurveys(() => there);
    const [first, second] = hosts;
    if (!first || !second) throw new Error('no hosts');
    for (const now of [
      hosts,
      hosts.slice(1),
      [first, second],
      [first, { ...second, spec: { ...second.spec, interfaces: [] } }],
    ]) {
      surveys.survey(network);
      there = now;
      expect(surveys.survey(network)).to.deep.equal(surveyHosts(network, there));
    }
  });
});
