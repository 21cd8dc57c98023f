import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

export interface RunOptions {
  /** Written to the program's standard input, which is empty otherwise. */
  input?: string | Uint8Array;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Kills the program (SIGKILL). */
  signal?: AbortSignal;
  /** A failed program throws, unless this is set. */
  allowFailure?: boolean;
}

export interface RunResult {
  /** The exit code; null when a signal ended the program. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/**
 * Runs a program to its end and collects its output.
 * @throws Error with the command, its exit code and what it printed, when the exit code is not 0.
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [command = '', ...args] = argv;
  const { cwd, signal, env } = options;
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    killSignal: 'SIGKILL',
    ...(env && { env }),
    ...(cwd !== undefined && { cwd }),
    ...(signal && { signal }),
  });
  // A program may end without reading its input: that is not a failure here; its exit code decides.
  child.stdin.on('error', () => child.stdin.destroy());
  child.stdin.end(options.input ?? '');
  const [stdout, stderr, exit] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  const code = exit[0] as number | null;
  if (code !== 0 && options.allowFailure !== true) {
    throw new Error(
      `${argv.join(' ')} failed (${code ?? String(exit[1])}): ${(stderr.trim() || stdout.trim()).slice(-4000)}`,
    );
  }
  return { code, stdout, stderr };
}
