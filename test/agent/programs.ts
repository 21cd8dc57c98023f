import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';

/** A program that runs until it is stopped. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #log: WriteStream | undefined;
  #output = '';

  /** @param logFile where its output goes; absent: nowhere, but see firstOutput() */
  constructor(argv: readonly string[], options: { env?: NodeJS.ProcessEnv; logFile?: string } = {}) {
    const [command = '', ...args] = argv;
    this.#child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...options.env } });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (data: Buffer) => {
        this.#output = (this.#output + data.toString()).slice(-100_000);
      });
    }
    if (options.logFile !== undefined) {
      this.#log = createWriteStream(options.logFile, { flags: 'a' });
      this.#child.stdout?.pipe(this.#log, { end: false });
      this.#child.stderr?.pipe(this.#log, { end: false });
    }
  }

  /** The last of what it has printed. */
  get output(): string {
    return this.#output;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves when it has printed something; rejects when it ends before. */
  async firstOutput(): Promise<void> {
    const ended = once(this.#child, 'exit').then(() => Promise.reject(new Error('the program ended')));
    const { stdout } = this.#child;
    if (stdout) await Promise.race([once(stdout, 'data'), ended]);
  }

  /** Null while it runs, and where a signal ended it. */
  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.kill(signal);
      await ended;
    }
    this.#log?.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
  }
}
