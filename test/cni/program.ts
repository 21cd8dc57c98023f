import { spawn } from 'node:child_process';

/** How a called program ended. */
export interface Ending {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramCall {
  /** The program and its arguments. */
  readonly command: readonly [string, ...string[]];
  /** Its whole environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to its standard input, which is then closed; 'closed': it has none; 'open': nothing is written, nor is it closed. */
  readonly stdin?: string | Uint8Array | { readonly state: 'closed' | 'open' };
  /** Ends the program. */
  readonly signal?: AbortSignal;
}

/** Runs a program as a container runtime runs a CNI plugin: with an environment of its own and a configuration on standard input. */
export async function call({ command, env = {}, stdin = '', signal }: ProgramCall): Promise<Ending> {
  const state = typeof stdin === 'object' && 'state' in stdin ? stdin.state : undefined;
  const [program, ...args] =
    state === 'closed' ? (['/bin/sh', '-c', 'exec "$@" <&-', 'sh', ...command] as const) : command;
  const child = spawn(program, args, { env, signal, stdio: 'pipe' });
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  child.stdout.on('data', (chunk: Buffer) => chunks.stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.stderr.push(chunk));
  child.stdin.on('error', () => undefined); // it may end without having read everything: its ending tells
  if (state === undefined) child.stdin.end(stdin);
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  child.stdin.destroy();
  return { exitCode, stdout: Buffer.concat(chunks.stdout).toString(), stderr: Buffer.concat(chunks.stderr).toString() };
}
