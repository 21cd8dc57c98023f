import { expect } from 'chai';
import { host, network, two } from '../../test/core/surveyed.ts';
import type { MultiNicNetworkStatus } from '../api/types.ts';
import { capacityState, type HostCapacity } from './capacity.ts';
import { definitionsSummary } from './definitions.ts';
import { hostsState } from './hosts.ts';
import { networkStatus, sameButCounts, sameStatus, unusableStatus } from './networkStatus.ts';
import { routeState } from './routes.ts';
import { surveyHosts } from './survey.ts';

const now = new Date('2026-05-01T10:00:00.500Z');

describe('networkStatus', () => {
  const of = { stored: undefined, generation: 4, now };

  function status(
    stored?: MultiNicNetworkStatus,
    node: HostCapacity = 'published',
    survey = surveyHosts(network(), [host('a', [two])]),
  ): MultiNicNetworkStatus {
    const hosts = hostsState(network(), survey, {
      hasIndex: () => true,
      indexes: 64,
      refused: [],
      unassigned: [],
      keptIndexes: [],
    });
    const definitions = definitionsSummary(
      { installed: true, wanted: 1, ready: 1, foreign: [], failures: new Map() },
      undefined,
    );
    const routes = routeState(network(), survey.members, { hasBlock: () => true });
    const interfaces = [{ index: 0, netAddress: two, ordinal: 0 }];
    const capacity = capacityState(network(), [['a', node]]);
    return networkStatus({ survey, hosts, capacity, definitions, routes, interfaces }, { ...of, stored });
  }

  it('makes an L2 network a success', () => {
    const made = status();
    expect(made).to.deep.include({ configStatus: 'Success', routeStatus: 'N/A', observedGeneration: 4 });
    expect(made.discovery).to.deep.equal({ existDaemon: 1, infoAvailable: 1, cidrProcessed: 1 });
    expect(made.conditions?.[0]).to.deep.include({ type: 'Ready', status: 'True' });
  });

  it('is no success before the scheduler knows the nodes', () => {
    const made = status(undefined, 'waiting');
    expect(made).to.deep.include({ configStatus: 'WaitForConfig', message: 'no node can take pods yet' });
    expect(made.conditions?.[0]).to.deep.include({ type: 'Ready', status: 'False', reason: 'NoNode' });
  });

  it('has no empty text, which some API servers refuse', () => {
    for (const made of [status(), unusableStatus('finding', of, { hosts: 1, withNics: 1 })]) {
      expect(JSON.stringify(made)).not.to.contain('""');
    }
  });

  it('is equal regardless of when it was written and in which order its keys are stored', () => {
    const first = status();
    const later = status({ ...first, lastSyncTime: '2020-01-01T00:00:00Z' });
    const reordered = Object.fromEntries(Object.entries(later).reverse()) as unknown as MultiNicNetworkStatus;
    expect(sameStatus(first, reordered)).to.equal(true);
    expect(sameStatus(first, { ...later, routeStatus: 'Failed' })).to.equal(false);
    expect(sameStatus(undefined, first)).to.equal(false);
  });

  it('distinguishes a change of counts from all others', () => {
    const first = { ...status(), addresses: { used: 1, capacity: 9 } };
    const more = { ...first, addresses: { used: 2, capacity: 9 } };
    expect(sameStatus(first, more)).to.equal(false);
    expect(sameButCounts(first, more)).to.equal(true);
    expect(sameButCounts(first, { ...more, message: 'else' })).to.equal(false);
  });

  it('does not grow with hosts whose NICs each have a subnet of their own: a status of megabytes cannot be stored', () => {
    const pointToPoint = (i: number): string => `172.${16 + (i >> 15)}.${(i >> 7) & 255}.${(i << 1) & 255}/31`;
    const hosts = Array.from({ length: 5000 }, (_, i) => {
      const nics = Array.from({ length: 8 }, (_nic, n) => pointToPoint(8 * i + n));
      return host(`h-${i}`, nics);
    });
    const survey = surveyHosts({ masterNets: [], fromHosts: false }, hosts);
    expect(survey.perSubnet).to.have.length(40_000);
    const made = status(undefined, 'published', survey);
    expect(JSON.stringify(made).length).to.be.lessThan(100_000);
  });

  it('keeps interface indexes of a network whose spec became unusable', () => {
    const before = status();
    const broken = unusableStatus('finding', { ...of, stored: before }, { hosts: 1, withNics: 1 });
    expect(broken).to.deep.include({ configStatus: 'Failed', message: 'finding', interfaces: before.interfaces });
  });
});
