import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { text } from 'node:stream/consumers';
import { NetlinkEndedError } from '../errors.ts';
import { BatchFailure, toFailure } from '../failure.ts';
import { errnoOfText, IpError } from './answers.ts';
import type { Namespaces } from './namespaces.ts';

/** Where a program runs, and until when. */
export interface Place {
  readonly namespaces: Namespaces;
  readonly signal: AbortSignal | undefined;
}

export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Error texts in English; where programs are. */
const environment = { LC_ALL: 'C', PATH: process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin' };

/** Starts a program in a batch's namespace, by way of nsenter(1) where that is not the process's own. */
export function start(
  command: readonly string[],
  namespaces: Namespaces,
  before: readonly string[] = [],
): ChildProcess {
  const enter = namespaces.own === null ? [] : ['nsenter', `--net=${namespaces.own}`];
  const [program = '', ...args] = [...before, ...enter, ...command];
  return spawn(program, args, { env: environment, stdio: ['pipe', 'pipe', 'pipe', ...namespaces.files] });
}

/**
 * Runs a program to its end, whatever that is.
 * @throws BatchFailure where the namespace cannot be entered; NetlinkEndedError where the program is missing or is killed;
 * the signal's reason, once the program has ended
 */
export async function execute(command: readonly string[], place: Place, input = ''): Promise<Ended> {
  const { namespaces, signal } = place;
  signal?.throwIfAborted();
  const child = start(command, namespaces);
  const kill = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', kill, { once: true });
  try {
    const ended = await settled(child, input);
    signal?.throwIfAborted();
    return checked(command, namespaces, ended);
  } finally {
    signal?.removeEventListener('abort', kill);
  }
}

interface Exit {
  readonly status: number | null;
  readonly killedBy: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function settled(child: ChildProcess, input: string): Promise<Exit> {
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) throw new NetlinkEndedError('a program without pipes');
  const exit = new Promise<Pick<Exit, 'status' | 'killedBy'>>((resolve, reject) => {
    child.once('error', cause => {
      reject(new NetlinkEndedError(`cannot run ${child.spawnfile}: ${cause.message}`, { cause }));
    });
    child.once('close', (status, killedBy) => {
      resolve({ status, killedBy });
    });
  });
  // A program that ends before it has read all says why on stderr and in its status.
  stdin.on('error', () => undefined);
  stdin.end(input);
  const [ended, out, err] = await Promise.all([exit, text(stdout), text(stderr)]);
  return { ...ended, stdout: out, stderr: err };
}

function checked(command: readonly string[], namespaces: Namespaces, exit: Exit): Ended {
  const { status, killedBy, stdout, stderr } = exit;
  if (status === null) throw new NetlinkEndedError(`${command.join(' ')} was killed by ${killedBy ?? 'something'}`);
  if (status !== 0 && stderr.startsWith('nsenter: ')) throw notEntered(namespaces, stderr);
  return { status, stdout, stderr };
}

/** nsenter's own failures, for example "nsenter: reassociate to namespace 'ns/net' failed: Invalid argument". */
function notEntered(namespaces: Namespaces, stderr: string): Error {
  const words = stderr.trim().split(': ').at(-1) ?? '';
  if (stderr.includes('failed to execute')) return new NetlinkEndedError(`${stderr.trim()} (iproute2 is needed)`);
  const errno = errnoOfText(words) ?? constants.errno.EINVAL;
  return new BatchFailure(toFailure(new IpError(errno, null), -1, 'netns.enter', namespaces.path ?? 'own'));
}
