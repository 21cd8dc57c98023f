import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { WaitingStatuses } from './waitingStatuses.ts';

describe('Statuses that wait', () => {
  const status = { namespace: 'ai', name: 'worker-0', uid: 'u-0', text: '[]' };
  let folder: string;
  let statuses: WaitingStatuses;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'statuses-'));
    statuses = new WaitingStatuses(folder, pino({ enabled: false }));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('are there for the next agent, for root alone, and half of one is not', () => {
    statuses.put({ ...status, text: 'earlier' });
    statuses.put(status);
    statuses.put({ ...status, uid: 'u-1' });
    statuses.delete('u-1');
    for (const name of ['u-2.json', 'u-3.json.tmp']) writeFileSync(join(folder, 'statuses', name), '{"uid":');
    const next = new WaitingStatuses(folder, pino({ enabled: false }));
    expect(next.read()).to.deep.equal([status]);
    expect(statSync(join(folder, 'statuses')).mode & 0o777).to.equal(0o700);
    expect(statSync(join(folder, 'statuses/u-0.json')).mode & 0o777).to.equal(0o600);
    WaitingStatuses.remove(folder);
    expect(next.read()).to.deep.equal([]);
  });

  it('keep no agent from working where they cannot be kept', () => {
    writeFileSync(join(folder, 'statuses'), 'no folder');
    statuses.put(status);
    statuses.delete(status.uid);
    expect(statuses.read()).to.deep.equal([]);
  });
});
