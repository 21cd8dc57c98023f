import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { run } from '../../build/run.ts';
import { hostLink } from './addressing.ts';
import { cgroupFolders, cgroupProcesses } from './cgroups.ts';
import { memoryFolder } from './cluster.ts';
import { isAlive, markedProcesses } from './processes.ts';
import { readSlots, slotFolder, type SlotRecord, sweep } from './slots.ts';
import { cgroupName } from './tearDown.ts';

const isRoot = process.getuid?.() === 0;

describe('local cluster: crashes', function () {
  this.timeout(600_000);

  it('are cleaned up after by the next start, where the reaper died too', async () => {
    const { owner, record } = await startElsewhere(0);
    process.kill(record.reaper!.pid, 'SIGKILL');
    await kill(owner);
    expect(leftovers(record)).to.include(slotFolder(record.slot));
    await sweep();
    await untilNothingIsLeft(record);
  });

  it('of a cluster with nodes leave nothing behind after SIGKILL', async function () {
    if (!isRoot) return this.skip();
    const { owner, record } = await startElsewhere(1);
    await kill(owner);
    await untilNothingIsLeft(record);
  });
});

describe('a cluster in the background', function () {
  this.timeout(120_000);
  const name = `background-${process.pid}`;
  const command = (...args: string[]) =>
    run([process.execPath, join(import.meta.dirname, 'main.ts'), ...args], { allowFailure: true });

  after(() => command('down', name));

  it('stays when the command has ended, keeps no pipe of it open, and ends by a command, any number of times', async () => {
    // run() resolves when the output has ended, so this says that nobody holds it.
    const { code, stdout } = await command('up', '--keep', '--nodes', '0', '--name', name);
    expect(code).to.equal(0);
    const kubeconfig = /KUBECONFIG=(\S+)/.exec(stdout)?.[1] ?? '';
    const kubectl = /^ {2}(\S+kubectl) /m.exec(stdout)?.[1] ?? '';
    const answer = await run([kubectl, 'get', 'namespace', 'default', '-o', 'name'], {
      env: { ...process.env, KUBECONFIG: kubeconfig },
    });
    expect(answer.stdout).to.equal('namespace/default\n');
    const record = readSlots().find(candidate => candidate.name === name)!;
    expect((await command('down', name)).code).to.equal(0);
    expect(leftovers(record)).to.deep.equal([]);
    expect(await command('down', name)).to.deep.include({ code: 0, stdout: 'There is no such cluster.\n' });
  });
});

/** Has another process start a cluster, and returns that process with what it noted down. */
async function startElsewhere(nodes: number): Promise<{ owner: ChildProcess; record: SlotRecord }> {
  const name = `elsewhere-${process.pid}`;
  const argv = [join(import.meta.dirname, 'main.ts'), 'up', '--nodes', String(nodes), '--nics', '1', '--name', name];
  const owner = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(owner.stdout, 'data'); // says how to use the cluster: it is up
  const record = readSlots().find(candidate => candidate.name === name)!;
  expect(leftovers(record)).to.have.length.greaterThan(4);
  return { owner, record };
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

async function untilNothingIsLeft(record: SlotRecord): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (leftovers(record).length > 0 && performance.now() < deadline) await sleep(50);
  expect(leftovers(record)).to.deep.equal([]);
}

/** What can be seen of a cluster, from the outside. */
function leftovers(record: SlotRecord): string[] {
  const cgroup = cgroupName(record.slot);
  const folders = [record.runFolder, memoryFolder(record.slot), slotFolder(record.slot), ...cgroupFolders(cgroup)];
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return [
    ...markedProcesses(record.mark).map(pid => `process ${pid}`),
    ...cgroupProcesses(cgroup).map(pid => `process ${pid} in a cgroup`),
    ...(record.reaper !== undefined && isAlive(record.reaper) ? ['reaper'] : []),
    ...folders.filter(folder => existsSync(folder)),
    ...mounts.filter(line => line.includes(memoryFolder(record.slot)) || line.includes(record.runFolder)),
    ...(existsSync(`/sys/class/net/${hostLink(record.slot)}`) ? [hostLink(record.slot)] : []),
  ];
}
