import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { pino } from 'pino';
import { Checkpoint } from '../checkpoint/checkpoint.ts';
import { LostRecords, type LostRecordsOptions } from './lostRecords.ts';

const logger = pino({ enabled: false });

describe('LostRecords', () => {
  it('while a network is away, look at its attachments alone: those of others are many, and it may be for days', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'multi-nic-lost-'));
    const checkpoint = await Checkpoint.open(folder, logger);
    for (const network of ['away', 'there']) {
      await checkpoint.put({
        ...{ version: 1, state: 'done', containerId: network, ifname: 'net1', callIfname: 'net1', configName: network },
        ...{ netns: '', netnsId: '', network, type: 'macvlan', since: '2026-01-01T00:00:00Z', links: [] },
        ...{ pod: { uid: network, namespace: 'default', name: network }, pool: `${network}.host-1` },
      });
    }
    const asked = { away: 0, there: 0 };
    const options = {
      ...{ checkpoint, logger, node: 'host-1', detached: () => undefined },
      pods: { informer: { hasSynced: true } },
      view: {
        synced: () => true,
        network: (name: 'away' | 'there') => {
          asked[name] += 1;
          const network = { name, ownAddresses: true, nodeIndependent: false, fromHosts: true };
          return name === 'away' ? undefined : { state: { network, interfaces: [] } };
        },
        host: () => ({ spec: {} }),
        hostIndexes: () => new Map([['host-1', 0]]),
      },
      records: { known: () => ({}) },
    };
    const ending = new AbortController();
    const ended = new LostRecords(options as unknown as LostRecordsOptions).start(ending.signal);
    await sleep(1_000);
    ending.abort();
    await ended;
    await rm(folder, { recursive: true });
    expect(asked.away).to.be.greaterThan(1);
    expect(asked.there).to.equal(1);
  });
});
