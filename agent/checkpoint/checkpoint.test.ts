import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { Checkpoint } from './checkpoint.ts';
import type { CheckpointEntry } from './entry.ts';

function entry(containerId: string, over: Partial<CheckpointEntry> = {}): CheckpointEntry {
  return {
    version: 1,
    state: 'intent',
    containerId,
    ifname: 'net1',
    callIfname: 'net1',
    configName: 'train',
    netns: '/run/netns/x',
    netnsId: '4:1',
    network: 'train',
    type: 'ptp',
    pod: { uid: 'u1', namespace: 'team', name: 'w-0' },
    links: [{ name: 'net1-0', hostEnd: 'mnp1', addresses: ['10.0.0.5/32'], routes: [] }],
    since: '2026-01-01T00:00:00.000Z',
    ...over,
  };
}

describe('Checkpoint', () => {
  let folder: string;
  const warnings: string[] = [];
  const logger = pino({ level: 'warn' }, { write: line => warnings.push(line) });
  const open = (): Promise<Checkpoint> => Checkpoint.open(folder, logger);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'multi-nic-checkpoint-'));
    warnings.length = 0;
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('has after a restart what was put and not deleted', async () => {
    const first = await open();
    await first.put(entry('a'));
    await first.put(entry('a', { state: 'done' }));
    await first.put(entry('b'));
    await first.put(entry('c'.repeat(300)));
    await first.delete(entry('b'));
    await first.delete(entry('never'));
    const second = await open();
    expect([...second.list()].map(({ containerId, state }) => `${containerId.length} ${state}`)).to.have.members([
      '1 done',
      '300 intent',
    ]);
    expect(second.get('a', 'net1')).to.deep.equal(entry('a', { state: 'done' }));
    expect(warnings).to.deep.equal([]);
  });

  it('finds the attachments of one call, and of one pod', async () => {
    const checkpoint = await open();
    await checkpoint.put(entry('a', { ifname: 'net1', callIfname: 'eth0' }));
    await checkpoint.put(entry('a', { ifname: 'net2', callIfname: 'eth0' }));
    await checkpoint.put(
      entry('a', { ifname: 'net3', callIfname: 'net3', pod: { uid: 'u2', namespace: 't', name: 'x' } }),
    );
    expect(checkpoint.ofCall('a', 'eth0').map(({ ifname }) => ifname)).to.deep.equal(['net1', 'net2']);
    expect(checkpoint.ofPod('u2').map(({ ifname }) => ifname)).to.deep.equal(['net3']);
  });

  it('survives a write cut short at every byte: the old entry, or the new one', async () => {
    const before = await open();
    await before.put(entry('a'));
    const path = join(folder, 'attachments', 'a@net1@train.json');
    const text = await readFile(path, 'utf8');
    // A crash leaves the unfinished file beside the entry, in any length.
    for (let length = 0; length < text.length; length += 37) {
      await writeFile(`${path}.1-0.tmp`, text.slice(0, length));
      expect((await open()).get('a', 'net1')).to.deep.equal(entry('a'));
      expect(await readdir(join(folder, 'attachments'))).to.deep.equal(['a@net1@train.json']);
    }
    expect(warnings).to.deep.equal([]);
  });

  it('reports a file that is not whole or of another version, and goes on with the others', async () => {
    const before = await open();
    await before.put(entry('a'));
    await before.put(entry('b'));
    await truncate(join(folder, 'attachments', 'a@net1@train.json'), 20);
    await writeFile(join(folder, 'attachments', 'z@net1@train.json'), JSON.stringify({ ...entry('z'), version: 2 }));
    const after = await open();
    expect([...after.list()].map(({ containerId }) => containerId)).to.deep.equal(['b']);
    expect(warnings).to.have.length(2);
  });

  it('knows of a file that is not whole whose it was, until that is deleted', async () => {
    const before = await open();
    const made = [entry('a'), entry('b', { ifname: 'a@b' }), entry('c'.repeat(300))];
    for (const one of made) await before.put(one);
    const attachments = join(folder, 'attachments');
    for (const file of await readdir(attachments)) await truncate(join(attachments, file), 20);
    await writeFile(join(attachments, 'old@net1.json'), '');
    const after = await open();
    const told = after.lost().map(({ containerId, ifname, network }) => [containerId, ifname, network]);
    expect(told).to.have.deep.members([
      ['a', 'net1', 'train'],
      ['b', 'a@b', 'train'],
      ['old', 'net1', undefined],
    ]);
    await after.put(entry('a'));
    for (const lost of after.lost()) await after.deleteLost(lost);
    expect((await open()).lost()).to.deep.equal([]);
    expect(await readdir(attachments)).to.have.length(2);
  });

  it('gives the file of an older agent, which has no network in its name, the one that it has now', async () => {
    await open();
    const attachments = join(folder, 'attachments');
    await writeFile(join(attachments, 'a@net1.json'), JSON.stringify(entry('a')));
    const checkpoint = await open();
    expect(await readdir(attachments)).to.deep.equal(['a@net1@train.json']);
    await checkpoint.delete(entry('a'));
    expect(await readdir(attachments)).to.deep.equal([]);
  });
});
