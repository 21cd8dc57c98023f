import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import pino from 'pino';
import type { Delegate } from '../../core/delegate/delegate.ts';
import type { Attachment } from '../attach/attachment.ts';
import { attachFailure } from '../attach/attachFailure.ts';
import { Detacher, type DetacherOptions } from '../attach/detacher.ts';
import { checkpointVersion, type CheckpointEntry } from '../checkpoint/entry.ts';
import { Delegates } from './delegates.ts';
import { PluginHung } from './pluginError.ts';

const delegate: Delegate = {
  role: 'ipam',
  conf: { cniVersion: '1.0.0', name: 'n', type: 'hung', ipam: { type: 'hung' } },
};
const call = { containerId: 'c', netns: '', ifname: 'net1-0', args: '', path: '' };

describe('a plugin that hangs', function () {
  this.timeout(20_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'multi-nic-plugin-'));
    await writeFile(join(folder, 'hung'), '#!/bin/sh\nsleep 100\n', { mode: 0o755 });
  });
  after(() => rm(folder, { recursive: true }));

  const failureOf = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    );

  it('is named where it has kept an ADD until its end', async () => {
    const signal = AbortSignal.timeout(200);
    const failure = await failureOf(new Delegates([folder]).add(delegate, call, signal));
    const answer = attachFailure({ network: 'n', netns: '', nics: [] } as unknown as Attachment, failure, signal);
    expect(answer.code).to.equal(11);
    expect(answer.message).to.equal(`plugin ${folder}/hung, ADD: it was ended, as the call took too long`);
  });

  it('is waited for once: the executable does not wait as long as for each of many NICs', async () => {
    const delegates = new Delegates([folder], { DEL: 4_000 });
    const options = {
      netlink: { run: () => [] },
      delegates,
      logger: pino({ level: 'silent' }),
      onStep: () => undefined,
    };
    const detacher = new Detacher(options as unknown as DetacherOptions);
    const links = ['net1-0', 'net1-1'].map(name => ({ name, addresses: [], routes: [], delegate }));
    const entry = { version: checkpointVersion, containerId: 'c', netns: '/none', netnsId: 'x', links };
    const seconds = async (failedAdd?: unknown): Promise<number> => {
      const start = performance.now();
      expect(await failureOf(detacher.detach(entry as unknown as CheckpointEntry, failedAdd))).to.be.instanceOf(
        PluginHung,
      );
      return (performance.now() - start) / 1000;
    };
    const [del, rollBack] = await Promise.all([seconds(), seconds(new PluginHung(11, '', ''))]);
    expect(del).to.be.within(5.9, 7.9);
    expect(rollBack, 'after an ADD that it kept').to.be.within(3.9, 5.9);
  });
});
