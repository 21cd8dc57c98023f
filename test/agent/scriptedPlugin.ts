import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** One call that a scripted plugin got. */
export interface RecordedCall {
  readonly command: string;
  readonly ifname: string;
  readonly netns: string;
  readonly args: string;
  readonly conf: Record<string, unknown>;
}

/**
 * A third party's CNI plugin, for those that need hardware which no test machine has: it writes down what it is called with, and answers
 * ADD with one result.
 */
export class ScriptedPlugin {
  readonly #log: string;
  readonly #script: string;

  /** @param result what ADD prints; a text that is no JSON object stands for a plugin that fails with it */
  constructor(folder: string, type: string, result: object | string) {
    this.#log = join(folder, `${type}.calls`);
    this.#script = join(folder, type);
    this.answer(result);
  }

  /** @param failing what other verbs fail with: CNI error objects */
  answer(result: object | string, failing: Readonly<Record<string, object>> = {}): void {
    const add = typeof result === 'string' ? `echo '${result}'; exit 1` : `echo '${JSON.stringify(result)}'`;
    const others = Object.entries(failing).map(([verb, error]) => `${verb}) echo '${JSON.stringify(error)}'; exit 1;;`);
    this.#write([`ADD) ${add};;`, ...others]);
  }

  /** From now on the verb takes as long as another call does on a busy machine. @param result what ADD prints */
  delay(verb: string, result: object): void {
    const add = `echo '${JSON.stringify(result)}'`;
    this.#write(verb === 'ADD' ? [`ADD) sleep 3; ${add};;`] : [`ADD) ${add};;`, `${verb}) sleep 3;;`]);
  }

  /** From now on the verb never ends. */
  hang(verb: string): void {
    this.#write([`${verb}) sleep 1000;;`]);
  }

  /** From now on the verb succeeds, and a program that it has started runs on for a while. */
  leaveBehind(verb: string): void {
    this.#write([`${verb}) sleep 15 & ;;`]);
  }

  #write(cases: readonly string[]): void {
    const record = `printf '%s\\n%s\\n%s\\n%s\\n%s\\n' "$CNI_COMMAND" "$CNI_IFNAME" "$CNI_NETNS" "$CNI_ARGS" "$(cat)" >> '${this.#log}'`;
    writeFileSync(this.#script, `#!/bin/sh\n${record}\ncase "$CNI_COMMAND" in ${cases.join(' ')} esac\n`);
    chmodSync(this.#script, 0o755);
  }

  /** Its calls so far are no one's business any more. */
  forget(): void {
    rmSync(this.#log, { force: true });
  }

  get calls(): RecordedCall[] {
    const lines = existsSync(this.#log) ? readFileSync(this.#log, 'utf8').split('\n') : [];
    return Array.from({ length: Math.floor(lines.length / 5) }, (_, i) => {
      const [command = '', ifname = '', netns = '', args = '', conf = ''] = lines.slice(5 * i, 5 * i + 5);
      return { command, ifname, netns, args, conf: JSON.parse(conf) as Record<string, unknown> };
    });
  }
}
