import { expect } from 'chai';
import type { MultiNicNetworkStatus } from '../api/types.ts';
import { capacityState, type HostCapacity, isBeingSetUp } from './capacity.ts';

const own = { ownAddresses: true, spec: {} };

describe('capacityState', () => {
  const summary = (hosts: Record<string, HostCapacity>, network = own): string => {
    const { condition, configStatus } = capacityState(network, Object.entries(hosts));
    return `${condition.status} ${condition.reason} ${configStatus}: ${condition.message}`;
  };

  it('waits for every node that has a block', () => {
    expect(summary({ a: 'published', b: 'waiting', c: 'waiting' })).to.equal(
      'False Waiting WaitForConfig: 2 of 3 nodes cannot take pods yet: b, c',
    );
    expect(summary({ a: 'published', b: 'published' })).to.equal(
      'True CapacityPublished Success: the scheduler knows the capacity of 2 nodes',
    );
  });

  it('leaves hosts without a Node, and those that wait for a block, to others', () => {
    expect(summary({ a: 'published', b: 'noNode', c: 'noBlock' })).to.match(/^True CapacityPublished/);
  });

  it('reports that no node at all can take pods yet', () => {
    expect(summary({ a: 'noBlock', b: 'waiting', c: 'noNode' })).to.match(/^False NoNode WaitForConfig/);
  });

  it('is not needed without nodes, or where another plugin gives the addresses', () => {
    expect(summary({})).to.match(/^True NotNeeded Success/);
    expect(summary({ a: 'noNode' })).to.match(/^True NotNeeded Success/);
    expect(summary({ a: 'waiting' }, { ownAddresses: false, spec: {} })).to.match(/^True NotNeeded Success/);
  });
});

describe('isBeingSetUp', () => {
  const status = (reason: string | undefined, more: Partial<MultiNicNetworkStatus> = {}): MultiNicNetworkStatus => ({
    computeResults: [],
    discovery: { existDaemon: 1, infoAvailable: 1, cidrProcessed: 1 },
    configStatus: 'WaitForConfig',
    routeStatus: 'N/A',
    message: '',
    lastSyncTime: '',
    ...(reason !== undefined && {
      conditions: [{ type: 'CapacityPublished', status: 'False', reason, message: '', lastTransitionTime: '' }],
    }),
    ...more,
  });

  it('is what the condition says', () => {
    expect(isBeingSetUp(status('NoNode'))).to.equal(true);
    for (const reason of ['Waiting', 'CapacityPublished', 'SpecUnusable']) {
      expect(isBeingSetUp(status(reason)), reason).to.equal(false);
    }
  });

  it('is so before anybody wrote a status, not for one of an older controller or one that cannot be', () => {
    expect(isBeingSetUp(undefined)).to.equal(true);
    const interfaces = [{ index: 0, netAddress: '172.20.1.0/24', ordinal: 0 }];
    expect(isBeingSetUp(status(undefined, { interfaces }))).to.equal(false);
    expect(isBeingSetUp(status('NoNode', { configStatus: 'Failed' }))).to.equal(false);
  });
});
