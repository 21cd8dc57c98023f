import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSystemError } from '../../base/systemErrors.ts';
import { NetlinkEndedError, NetlinkError } from '../errors.ts';
import type { MonitorEvent, MonitorGroup } from '../events.ts';
import { BatchFailure } from '../failure.ts';
import type { EventSink } from '../monitor.ts';
import { Namespaces } from './namespaces.ts';
import { start } from './program.ts';

/** ip-monitor(8): objects of the groups. It has no way to ask for one family of some and both of others. */
const objects: Readonly<Record<MonitorGroup, string>> = {
  link: 'link',
  'ipv4-address': 'address',
  'ipv6-address': 'address',
  'ipv4-route': 'route',
  'ipv6-route': 'route',
  'ipv4-rule': 'rule',
  'ipv6-rule': 'rule',
};
/** Between two checks whether a started program listens yet, which takes it a few milliseconds. */
const pollMs = 5;
const startTimeoutMs = 10_000;
/** Before a program that ended is started again. */
const restartMs = 1000;

type Resync = Extract<MonitorEvent, { type: 'resync' }>['reason'];

/** Listens with `ip monitor`, one program per watch. Anything that it prints only means that something has changed. */
export class IpMonitors {
  /** Programs that have not ended yet. */
  readonly #running = new Set<ChildProcess>();

  /** Begins to listen for the sink. @returns what ends that. @throws NetlinkError where the namespace cannot be entered */
  async listen(sink: EventSink): Promise<() => void> {
    const stopped = new AbortController();
    const child = await this.#listen(sink, stopped.signal);
    void this.#keep(sink, stopped.signal, child);
    return () => {
      stopped.abort();
    };
  }

  /** Resolves when all programs are gone, once nobody listens any more. */
  async ended(): Promise<void> {
    await Promise.all(Array.from(this.#running, child => once(child, 'close')));
  }

  /** Starts the program again when it ends by itself, until it cannot be started. */
  async #keep(sink: EventSink, stopped: AbortSignal, first: ChildProcess): Promise<void> {
    for (let child = first; ;) {
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      if (stopped.aborted) return;
      try {
        await sleep(restartMs, undefined, { signal: stopped, ref: false });
        child = await this.#listen(sink, stopped);
        tell(sink, 'restart');
      } catch (error) {
        if (stopped.aborted) return;
        sink.fail(error instanceof Error ? error : new NetlinkEndedError(String(error)));
        return;
      }
    }
  }

  async #listen(sink: EventSink, stopped: AbortSignal): Promise<ChildProcess> {
    return await listen(sink, stopped, child => {
      this.#running.add(child);
      child.once('close', () => this.#running.delete(child));
    });
  }
}

function tell(sink: EventSink, reason: Resync): void {
  sink.receive([{ type: 'resync', reason }]);
}

/** Starts `ip monitor`, and waits until the kernel queues events for it. It ends with this process, however that ends. */
async function listen(
  sink: EventSink,
  stopped: AbortSignal,
  started: (child: ChildProcess) => void,
): Promise<ChildProcess> {
  using namespaces = openNamespaces(sink.netns);
  const command = ['ip', 'monitor', ...new Set(sink.subscription.groups.map(group => objects[group]))];
  const child = start(command, namespaces, ['setpriv', '--pdeathsig', 'KILL']);
  started(child);
  const kill = (): void => void child.kill('SIGKILL');
  stopped.addEventListener('abort', kill, { once: true });
  child.once('exit', () => {
    stopped.removeEventListener('abort', kill);
  });
  let said = '';
  const failed = once(child, 'exit').then(() => {
    throw new NetlinkEndedError(`ip monitor ended: ${said.trim()}`);
  });
  // The end of a program that did begin to listen is awaited elsewhere.
  failed.catch(() => undefined);
  child.stdin?.end();
  child.stdout?.on('data', () => {
    tell(sink, 'change');
  });
  child.stderr?.on('data', (bytes: Buffer) => {
    said = bytes.toString();
    // Its only complaint while it listens: the kernel's queue ran over.
    tell(sink, 'overrun');
  });
  const decided = new AbortController();
  try {
    await Promise.race([listening(child, decided.signal), failed]);
  } catch (error) {
    kill();
    throw error;
  } finally {
    decided.abort();
  }
  keepsNobodyAlive(child);
  return child;
}

function openNamespaces(netns: string | null): Namespaces {
  try {
    return new Namespaces(netns);
  } catch (error) {
    if (error instanceof BatchFailure) throw new NetlinkError(error.failure, netns, { cause: error });
    throw error;
  }
}

/** Resolves when one of the program's sockets has joined a multicast group (proc_pid_net(5), netlink). */
async function listening({ pid, spawnfile }: ChildProcess, decided: AbortSignal): Promise<void> {
  if (pid === undefined) throw new NetlinkEndedError(`cannot run ${spawnfile}: install util-linux`);
  const signal = AbortSignal.any([decided, AbortSignal.timeout(startTimeoutMs)]);
  while (!(await hasGroups(pid))) await sleep(pollMs, undefined, { signal });
}

async function hasGroups(pid: number): Promise<boolean> {
  try {
    const fds = await readdir(`/proc/${pid}/fd`);
    const files = await Promise.all(fds.map(fd => readlink(`/proc/${pid}/fd/${fd}`)));
    const table = await readFile(`/proc/${pid}/net/netlink`, 'utf8');
    return table.split('\n').some(line => {
      const [, , , groups = '', , , , , , inode = ''] = line.trim().split(/\s+/);
      return /[1-9a-f]/.test(groups) && files.includes(`socket:[${inode}]`);
    });
  } catch (error) {
    // It closes and opens files while it starts; its end is noticed elsewhere.
    if (isSystemError(error, 'ENOENT', 'ESRCH')) return false;
    throw error;
  }
}

function keepsNobodyAlive(child: ChildProcess): void {
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) if (stream instanceof Socket) stream.unref();
}
