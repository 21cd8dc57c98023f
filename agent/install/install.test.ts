import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { chainedFile } from '../../core/cni/chainedList.ts';
import { eventually } from '../../test/eventually.ts';
import { ChainedNetwork, removeChainedNetwork } from './chainedNetwork.ts';
import { installExecutable, removeExecutable } from './installExecutable.ts';

describe('agent/install', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'multi-nic-install-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  describe('the executable', () => {
    const target = (): string => join(folder, 'bin/multi-nic');
    let source: string;

    beforeEach(async () => {
      source = join(folder, 'source');
      await writeFile(source, '#!/bin/sh\necho first\n');
    });

    it('is put into a folder that need not be there, can be run, and is left alone when it is the same', async () => {
      expect(await installExecutable(source, join(folder, 'bin'))).to.equal(true);
      expect(execFileSync(target(), { encoding: 'utf8' })).to.equal('first\n');
      const { ino } = await stat(target());
      expect(await installExecutable(source, join(folder, 'bin'))).to.equal(false);
      expect((await stat(target())).ino).to.equal(ino);
    });

    it('can be run again after somebody took its permission', async () => {
      await installExecutable(source, join(folder, 'bin'));
      await chmod(target(), 0o600);
      await installExecutable(source, join(folder, 'bin'));
      expect((await stat(target())).mode & 0o777).to.equal(0o755);
    });

    it('is replaced while it runs, and leaves nothing beside it', async () => {
      await copyFile('/bin/sleep', source);
      await installExecutable(source, join(folder, 'bin'));
      const running = spawn(target(), ['60']);
      await once(running, 'spawn');
      await writeFile(source, '#!/bin/sh\necho second\n');
      expect(await installExecutable(source, join(folder, 'bin'))).to.equal(true);
      expect(running.exitCode).to.equal(null);
      running.kill();
      await once(running, 'exit');
      expect(execFileSync(target(), { encoding: 'utf8' })).to.equal('second\n');
      expect(await readdir(join(folder, 'bin'))).to.deep.equal(['multi-nic']);
    });

    it('is taken away, also where it is not', async () => {
      await installExecutable(source, join(folder, 'bin'));
      await removeExecutable(join(folder, 'bin'));
      await removeExecutable(join(folder, 'bin'));
      expect(await readdir(join(folder, 'bin'))).to.deep.equal([]);
    });
  });

  describe('the chained network', () => {
    let logged: string;
    let running: { controller: AbortController; ended: Promise<void> } | undefined;

    const network = (name: string): string =>
      JSON.stringify({ cniVersion: '1.0.0', name, plugins: [{ type: 'bridge' }] });
    const copied = async (): Promise<string | undefined> => {
      const text = await readFile(join(folder, chainedFile), 'utf8').catch(() => '{}');
      return (JSON.parse(text) as { name?: string }).name;
    };

    beforeEach(() => {
      logged = '';
      const controller = new AbortController();
      const logger = pino({ level: 'warn' }, { write: line => (logged += line) });
      const chained = new ChainedNetwork({ folder, logger });
      running = { controller, ended: chained.start(controller.signal) };
    });
    afterEach(async () => {
      running?.controller.abort();
      await running?.ended;
    });

    it('comes with the primary network, follows it, and goes with it', async () => {
      await writeFile(join(folder, '10-primary.conflist'), network('first'));
      await eventually('the copy', async () => (await copied()) === 'first');
      await writeFile(join(folder, '10-primary.conflist'), network('second'));
      await eventually('the new copy', async () => (await copied()) === 'second');
      await writeFile(join(folder, '05-other.conflist'), network('third'));
      await eventually('a copy of what now is the primary network', async () => (await copied()) === 'third');
      await rm(join(folder, '05-other.conflist'));
      await rm(join(folder, '10-primary.conflist'));
      await eventually('the end of the copy', async () => (await readdir(folder)).length === 0);
    });

    it('keeps what somebody puts behind our plugin, as meshes do with the first file: they would put it back again and again', async () => {
      await writeFile(join(folder, '10-primary.conflist'), network('first'));
      await eventually('the copy', async () => (await copied()) === 'first');
      const path = join(folder, chainedFile);
      const read = async () => JSON.parse(await readFile(path, 'utf8')) as { plugins: { type: string }[] };
      const { plugins, ...rest } = await read();
      await writeFile(path, JSON.stringify({ ...rest, plugins: [...plugins, { type: 'istio-cni' }] }));
      await writeFile(join(folder, '10-primary.conflist'), network('second'));
      await eventually('the new copy', async () => (await copied()) === 'second');
      expect((await read()).plugins.map(({ type }) => type)).to.deep.equal(['bridge', 'multi-nic', 'istio-cni']);
    });

    it('stays as it was while the primary network is half written, and when the agent ends', async () => {
      await writeFile(join(folder, '10-primary.conflist'), network('first'));
      await eventually('the copy', async () => (await copied()) === 'first');
      await writeFile(join(folder, '10-primary.conflist'), network('second').slice(0, 20));
      await eventually('a word about it', () => logged.includes('cannot be chained'));
      expect(await copied()).to.equal('first');
      await writeFile(join(folder, '10-primary.conflist'), network('third'));
      await eventually('the copy', async () => (await copied()) === 'third');
      running?.controller.abort();
      await running?.ended;
      expect(await copied()).to.equal('third');
      await removeChainedNetwork(folder);
      expect(await readdir(folder)).to.deep.equal(['10-primary.conflist']);
    });
  });
});
