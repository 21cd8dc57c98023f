import { execFileSync } from 'node:child_process';
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { installExecutable } from '../../agent/install/installExecutable.ts';

/** The folder is a mount of its own, as it is in the agent's container. */
describe('agent: the folder of CNI plugins', () => {
  let folder: string;
  let bin: string;
  let source: string;

  const refusal = async (): Promise<string> => {
    const failure: unknown = await installExecutable(source, bin).catch((error: unknown) => error);
    return failure instanceof Error ? failure.message : 'none';
  };
  const remount = (options: string): void => {
    execFileSync('mount', ['-o', `remount,${options}`, bin]);
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'multi-nic-bin-'));
    bin = join(folder, 'bin');
    source = join(folder, 'source');
    await writeFile(source, '#!/bin/sh\n');
    await mkdir(bin);
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', bin]);
  });
  afterEach(async () => {
    execFileSync('umount', [bin]);
    await rm(folder, { recursive: true });
  });

  it('may be read-only where the node comes with the executable', async () => {
    await copyFile(source, join(bin, 'multi-nic'));
    await chmod(join(bin, 'multi-nic'), 0o755);
    remount('ro');
    expect(await installExecutable(source, bin)).to.equal(false);
  });

  it('is told where it is read-only and has none, or another one', async () => {
    remount('ro');
    expect(await refusal())
      .to.contain('cannot be installed')
      .and.contain('read-only file system')
      .and.contain(bin);
  });

  it('is told where no runtime could start anything from it', async () => {
    remount('noexec');
    expect(await refusal()).to.equal(
      `No runtime can start ${join(bin, 'multi-nic')}: its file system is mounted noexec`,
    );
  });
});
