import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ComponentSpec {
  name: string;
  argv: readonly string[];
  /** Standard output and error are appended here. */
  logFile: string;
  env?: NodeJS.ProcessEnv;
  /** argv enters a node by nsenter, so the program itself is its child and signals must go there. */
  entersNode?: boolean;
}

/**
 * A long-running program of the cluster (etcd, a kubelet, …) that tests can stop, kill, freeze and start again.
 * The kernel kills it when this process dies (PR_SET_PDEATHSIG). It is in a session of its own, so Ctrl-C reaches only
 * the test, which decides what happens.
 */
export class Component {
  readonly #spec: ComponentSpec;
  #child: ChildProcess | undefined;

  constructor(spec: ComponentSpec) {
    this.#spec = spec;
  }

  get name(): string {
    return this.#spec.name;
  }

  get logFile(): string {
    return this.#spec.logFile;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The program's process id, as this process sees it. */
  get pid(): number {
    const child = this.#child?.pid;
    if (child === undefined || !this.running) throw new Error(`${this.name} is not running; its log: ${this.logFile}`);
    return this.#spec.entersNode === true ? (onlyChild(child) ?? child) : child;
  }

  /** Starts the program. It need not be ready when this returns. */
  start(): void {
    if (this.running) throw new Error(`${this.name} is running already`);
    const log = openSync(this.#spec.logFile, 'a');
    const { env } = this.#spec;
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', ...this.#spec.argv], {
      stdio: ['ignore', log, log],
      detached: true,
      ...(env && { env }),
    });
    closeSync(log);
    this.#child.once('error', () => undefined); // seen as "not running" by whoever waits for readiness
    this.#child.unref();
  }

  /** Asks the program to end, waits, and kills it when it has not ended in time. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** Ends the program as a crash or a power cut would. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Stops, then starts again with the same arguments. */
  async restart(): Promise<void> {
    await this.stop();
    this.start();
  }

  /** Freezes the program: its connections stay open and nothing answers. */
  pause(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  /** Ends a pause. */
  resume(): void {
    const { pid } = this;
    this.#child?.kill('SIGCONT'); // nsenter stops together with its child
    process.kill(pid, 'SIGCONT');
  }

  /** The last lines that the program logged. */
  logTail(lines = 20): string {
    return readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  }

  /** Waits until the probe says true; throws when the program ends before, or after the timeout. */
  async waitUntil(probe: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!(await probe())) {
      const problem = !this.running ? 'ended' : performance.now() > deadline ? 'was not ready in time' : undefined;
      if (problem !== undefined)
        throw new Error(`${this.name} ${problem}; last of ${this.logFile}:\n${this.logTail()}`);
      await sleep(50);
    }
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.running) return;
    child.ref();
    const ended = once(child, 'exit');
    const { pid } = this;
    send(pid, signal);
    const timer = setTimeout(() => {
      send(pid, 'SIGKILL');
    }, 5000);
    child.kill('SIGCONT');
    try {
      await ended;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A program on a node may be gone before the one that entered the node for it. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function onlyChild(pid: number): number | undefined {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return child === undefined || child === '' ? undefined : Number(child);
}
