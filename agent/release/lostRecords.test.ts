import { expect } from 'chai';
import pino from 'pino';
import { MultiNicError } from '../../core/errors.ts';
import { ApiError } from '../../kube/api/errors.ts';
import type { KnownNetwork } from '../../kube/view/clusterView.ts';
import type { CheckpointEntry } from '../checkpoint/entry.ts';
import { LostRecords, type LostRecordsOptions } from './lostRecords.ts';

const entry = {
  ...{ version: 1, state: 'done', containerId: 'c1', ifname: 'net1', callIfname: 'eth0', configName: 'flat' },
  ...{ netns: '', netnsId: '', network: 'flat', type: 'macvlan', links: [], since: '', pool: 'flat.page.0' },
  pod: { uid: 'u1', namespace: 'work', name: 'web-0' },
} as const satisfies CheckpointEntry;

const flat = (uid: string): KnownNetwork =>
  ({ state: { network: { uid, ownAddresses: true, nodeIndependent: true } } }) as unknown as KnownNetwork;

describe('Records that pools have lost', () => {
  let asked: string[];
  let entries: CheckpointEntry[];
  let network: KnownNetwork | undefined;
  let isAway: boolean;
  let lost: LostRecords;
  const sweep = (): Promise<void> => lost.sweep(new AbortController().signal);

  beforeEach(() => {
    asked = [];
    entries = [entry];
    network = flat('first');
    isAway = false;
    const options = {
      checkpoint: { list: () => entries.values(), get: () => entry },
      pods: { byUid: () => ({ metadata: { name: 'web-0', uid: 'u1' } }) },
      records: { known: () => undefined },
      view: {
        network(name: string) {
          if (name === 'spoilt') throw new MultiNicError('MNN_IPAM_SYNTAX', 'spec.ipam is not JSON');
          return network;
        },
      },
      store: {
        find(pool: string) {
          asked.push(pool);
          return isAway ? Promise.reject(new ApiError(500, {}, 'GET')) : Promise.resolve({});
        },
      },
      logger: pino({ enabled: false }),
    };
    lost = new LostRecords(options as unknown as LostRecordsOptions);
  });

  it('are looked for once when the agent has started, and not for what it attaches after that', async () => {
    await sweep();
    expect(asked).to.deep.equal(['flat.page.0']);
    entries.push({ ...entry, containerId: 'c2', pool: 'flat.page.1' });
    await sweep();
    await sweep();
    expect(asked).to.have.length(1);
  });

  it('are looked for again where the network was deleted and created again', async () => {
    await sweep();
    network = undefined;
    await sweep();
    network = flat('second');
    await sweep();
    await sweep();
    expect(asked).to.have.length(2);
  });

  it('are looked for in other networks where that of an attachment cannot be read', async () => {
    entries.unshift({ ...entry, containerId: 'c0', network: 'spoilt', pool: 'spoilt.node-1' });
    await sweep();
    expect(asked).to.deep.equal(['flat.page.0']);
  });

  it('are not asked for all the time while the API server fails', async () => {
    isAway = true;
    await sweep();
    await sweep();
    expect(asked).to.have.length(1);
  });
});
