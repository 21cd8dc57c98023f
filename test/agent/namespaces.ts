import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';

const prefix = 'mn-agent-test-';
let counter = 0;

/** A network namespace of this test process; its name says whose it is, so that the next run can clean up after a crash. */
export class Namespace implements Disposable {
  readonly name: string;
  readonly path: string;

  constructor(purpose: string) {
    this.name = `${prefix}${process.pid}-${counter++}-${purpose}`;
    this.path = `/run/netns/${this.name}`;
    sh('ip', ['netns', 'add', this.name]);
    this.ip('link', 'set', 'lo', 'up');
  }

  ip(...args: string[]): string {
    return sh('ip', ['-n', this.name, ...args]);
  }

  /** Several commands of `ip` in one process. */
  batch(commands: readonly string[]): void {
    sh('ip', ['-n', this.name, '-batch', '-'], commands.join('\n'));
  }

  exec(...argv: string[]): string {
    return sh('ip', ['netns', 'exec', this.name, ...argv]);
  }

  /** The command line that runs a program in here. */
  enter(...argv: string[]): string[] {
    return ['ip', 'netns', 'exec', this.name, ...argv];
  }

  get exists(): boolean {
    return existsSync(this.path);
  }

  [Symbol.dispose](): void {
    if (this.exists) sh('ip', ['netns', 'del', this.name]);
  }
}

/** Ends and removes what test processes that are gone left behind. */
export function removeLeftovers(): void {
  for (const name of existsSync('/run/netns') ? readdirSync('/run/netns') : []) {
    const [, pid] = /^mn-agent-test-(\d+)-/.exec(name) ?? [];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    for (const left of sh('ip', ['netns', 'pids', name]).split('\n').filter(Boolean))
      process.kill(Number(left), 'SIGKILL');
    sh('ip', ['netns', 'del', name]);
  }
}

/** Runs a program and returns what it printed. @throws with its standard error */
function sh(program: string, args: readonly string[], input = ''): string {
  return execFileSync(program, args, { encoding: 'utf8', input, stdio: 'pipe' });
}
