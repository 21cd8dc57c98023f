import { spawn } from 'node:child_process';

export interface RunOptions {
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the command (SIGTERM) and rejects. */
  readonly signal?: AbortSignal;
}

/** How much of a command's output is kept, characters: enough for a compiler's messages. */
const keptOutput = 64 * 1024;

/**
 * Runs a program to its end and gives its standard output.
 * @throws Error naming the command, its exit code and the last lines of its output
 */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    signal: options.signal,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let all = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    all = (all + text).slice(-keptOutput);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    all = (all + text).slice(-keptOutput);
  });
  const ending = await new Promise<string | number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  if (ending === 0) return stdout;
  const tail = all.trimEnd().split('\n').slice(-25).join('\n');
  throw new Error(`${[command, ...args].join(' ')} ended with ${ending}:\n${tail}`);
}
