import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Namespace } from '../../test/agent/namespaces.ts';
import { compileNative } from './compile.ts';

/** A program to be started, with all that it gets. */
export interface Launch {
  readonly argv: readonly string[];
  /** Its whole environment; no value may have a line break. */
  readonly env: Readonly<Record<string, string>>;
  /** Path of what it reads. */
  readonly input: string;
  /** Path of what it writes. */
  readonly output?: string;
}

/** What the programs took together. */
export interface Taken {
  /** From the first start to the last end. */
  readonly ms: number;
  readonly cpuMs: number;
}

/** Starts programs from a small process, as a container runtime would, and measures there: see native/launch.c. */
export class Launcher implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcess, lines: AsyncIterable<string>) {
    this.#child = child;
    this.#lines = lines[Symbol.asyncIterator]();
  }

  /** @param namespace where it and what it starts are; this process's own without one */
  static async start(namespace?: Namespace): Promise<Launcher> {
    const program = await compileNative('launch');
    // The kernel ends it with this process, however that ends.
    const argv = ['setpriv', '--pdeathsig', 'KILL', program];
    const [command = '', ...args] = namespace?.enter(...argv) ?? argv;
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    return new Launcher(child, createInterface(child.stdout));
  }

  /** @throws where one of the programs fails; what it printed is in its output file */
  async run(launches: readonly Launch[], mode: 'serial' | 'parallel' = 'serial'): Promise<Taken> {
    const lines = launches.flatMap(({ argv, env, input, output = '/dev/null' }) => [
      ...[argv.length, ...argv],
      ...[Object.keys(env).length, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)],
      ...[input, output],
    ]);
    this.#child.stdin?.write(`${[`${mode} ${launches.length}`, ...lines].join('\n')}\n`);
    const line = await this.#lines.next();
    if (line.done === true) throw new Error('the launcher ended');
    const [us = 0, cpuUs = 0, failed = 0] = line.value.split(' ').map(Number);
    if (failed > 0) throw new Error(`${failed} of ${launches.length} programs failed: ${launches[0]?.argv.join(' ')}`);
    return { ms: us / 1000, cpuMs: cpuUs / 1000 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.stdin?.end();
    await ended;
  }
}
