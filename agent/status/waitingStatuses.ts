import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { isRecord } from '../../core/json.ts';
import { isSystemError } from '../base/systemErrors.ts';

/** A network-status that is not written to its pod yet. */
export interface WaitingStatus {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** The annotation's text. */
  readonly text: string;
}

/**
 * A copy of each such status in a file: the result that it was made from is known only while ADD is answered, and an agent may end between the answer and
 * the write. Like the checkpoint of what only the kernel has (checkpoint.ts), it need not survive a power cut, after which pods are attached anew.
 */
export class WaitingStatuses {
  readonly #folder: string;
  readonly #logger: Logger;
  #isMade = false;

  constructor(stateFolder: string, logger: Logger) {
    this.#folder = folderIn(stateFolder);
    this.#logger = logger;
  }

  /** Removes all that is kept on the disk. */
  static remove(stateFolder: string): void {
    rmSync(folderIn(stateFolder), { recursive: true, force: true });
  }

  /** What an earlier process left. What is no status is removed. */
  read(): WaitingStatus[] {
    const left: WaitingStatus[] = [];
    this.#attempt('what an earlier agent had to write is not known', () => {
      for (const name of this.#names()) {
        const path = join(this.#folder, name);
        const status = name.endsWith('.json') ? statusIn(path) : undefined;
        if (status) left.push(status);
        else rmSync(path, { recursive: true, force: true });
      }
    });
    return left;
  }

  /** In some 50 µs, as it keeps ADD waiting. */
  put(status: WaitingStatus): void {
    const path = this.#pathOf(status.uid);
    this.#attempt('a network-status is lost if this agent ends before it is written', () => {
      if (!this.#isMade) mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      this.#isMade = true;
      writeFileSync(`${path}.tmp`, JSON.stringify(status), { mode: 0o600 });
      renameSync(`${path}.tmp`, path);
    });
  }

  delete(uid: string): void {
    this.#attempt('the next agent writes a network-status again', () => {
      rmSync(this.#pathOf(uid), { force: true });
    });
  }

  /** A failure is only logged: the statuses are in memory as well, and neither the agent nor a pod should fail for their sake. */
  #attempt(without: string, work: () => void): void {
    try {
      work();
    } catch (err) {
      this.#logger.warn({ err, folder: this.#folder }, without);
    }
  }

  #pathOf(uid: string): string {
    return join(this.#folder, `${encodeURIComponent(uid)}.json`);
  }

  #names(): string[] {
    try {
      return readdirSync(this.#folder);
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return [];
      throw error;
    }
  }
}

function folderIn(stateFolder: string): string {
  return join(stateFolder, 'statuses');
}

function statusIn(path: string): WaitingStatus | undefined {
  let document: unknown;
  try {
    document = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined; // not whole: the runtime has had no answer either
  }
  return isStatus(document) ? document : undefined;
}

function isStatus(document: unknown): document is WaitingStatus {
  const keys = ['namespace', 'name', 'uid', 'text'];
  return isRecord(document) && keys.every(key => typeof document[key] === 'string');
}
