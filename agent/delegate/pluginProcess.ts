import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { whenAborted } from '../../kube/api/whenAborted.ts';
import { isSystemError } from '../base/systemErrors.ts';

/** More than any plugin has to say on stdout and stderr together, bytes. */
export const maxOutput = 4 * 1024 * 1024;

/** How long a plugin's output may take to arrive after its end, ms: programs that it left behind may keep it open for ever. */
const lastWordsMs = 1000;

/** How a plugin's process ended, and what it had said. */
export interface Ending extends Exit, Output {
  /** Why it did not start. */
  readonly startError?: Error;
}

interface Exit {
  /** Exit code; null if a signal ended it, or it did not start. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

interface Output {
  readonly stdout: string;
  readonly stderr: string;
  /** Whether it was ended because it printed more than maxOutput. */
  readonly isTooLong: boolean;
}

/** Runs an executable until it ends, or the signal aborts, which ends it and every program that it has called. Never rejects. */
export async function runToEnd(
  executable: string,
  env: Readonly<Record<string, string>>,
  input: string,
  signal: AbortSignal | undefined,
): Promise<Ending> {
  const child = await start(executable, env);
  if (child instanceof Error) {
    return { code: null, signal: null, startError: child, stdout: '', stderr: '', isTooLong: false };
  }
  const end = (): void => {
    endGroup(child);
  };
  const output = collectOutput(child, end);
  // A plugin may end without having read its configuration (EPIPE): what it printed says why.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  using _ = whenAborted(signal, end);
  const exit = await exitOf(child);
  return { ...exit, ...output() };
}

/**
 * Starts it in a process group of its own, so that the plugins that it calls in turn end with it.
 * @returns why it did not start, if so
 */
async function start(
  executable: string,
  env: Readonly<Record<string, string>>,
): Promise<ChildProcessWithoutNullStreams | Error> {
  try {
    const child = spawn(executable, { stdio: ['pipe', 'pipe', 'pipe'], env, detached: true });
    if (child.pid !== undefined) return child;
    // Without a file left to open (EMFILE) it has no streams either.
    const [error] = (await once(child, 'error')) as [Error];
    return error;
  } catch (error) {
    // Most errnos come as an event of the child, but not ETXTBSY, which occurs while somebody overwrites the executable with a newer one.
    return error instanceof Error ? error : new Error(String(error));
  }
}

function endGroup({ pid, exitCode }: ChildProcessWithoutNullStreams): void {
  if (pid === undefined || exitCode !== null) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!isSystemError(error, 'ESRCH')) throw error;
  }
}

/** @returns what has come so far */
function collectOutput(child: ChildProcessWithoutNullStreams, onTooMuch: () => void): () => Output {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  let bytes = 0;
  const keepIn = (chunks: Buffer[]) => (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxOutput) onTooMuch();
    else chunks.push(chunk);
  };
  child.stdout.on('data', keepIn(stdout));
  child.stderr.on('data', keepIn(stderr));
  return () => ({
    stdout: Buffer.concat(stdout).toString(),
    stderr: Buffer.concat(stderr).toString(),
    isTooLong: bytes > maxOutput,
  });
}

/** Resolves when the process has ended, and its output has come. */
function exitOf(child: ChildProcessWithoutNullStreams): Promise<Exit> {
  return new Promise(resolve => {
    let lastWords: NodeJS.Timeout | undefined;
    child.once('exit', () => {
      lastWords = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, lastWordsMs);
    });
    child.once('close', (code, signal) => {
      clearTimeout(lastWords);
      resolve({ code, signal });
    });
  });
}
