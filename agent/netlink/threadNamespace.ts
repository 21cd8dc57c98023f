import { closeSync, openSync, writeSync } from 'node:fs';
import * as libc from './libc.ts';

/** A network namespace, held open: it stays the same one even if its path goes or changes. */
export interface Place extends Disposable {
  /**
   * Does `work` in it. Only what the work does before it returns or awaits something; and it must start no thread, which would stay.
   * @throws SystemError EINVAL where it is no namespace
   */
  within<T>(work: () => T): T;
}

/** The network namespace of the calling thread, and short visits to others. */
export class ThreadNamespace implements Disposable {
  readonly #home = openSync('/proc/thread-self/ns/net', 'r');

  [Symbol.dispose](): void {
    closeSync(this.#home);
  }

  /** Opens a namespace by its path; null is the thread's own. Throws what open(2) does. */
  open(path: string | null): Place {
    if (path === null) return { within: work => work(), [Symbol.dispose]: () => undefined };
    const fd = openSync(path, 'r');
    return {
      within: work => this.#within(fd, work),
      [Symbol.dispose]: () => {
        closeSync(fd);
      },
    };
  }

  #within<T>(fd: number, work: () => T): T {
    libc.setns(fd, libc.CLONE_NEWNET);
    try {
      return work();
    } finally {
      this.#return();
    }
  }

  /** If there is no way back, the process must not go on: everything it did from then on would happen in the other namespace. */
  #return(): void {
    try {
      libc.setns(this.#home, libc.CLONE_NEWNET);
    } catch (error) {
      writeSync(process.stderr.fd, `cannot return to the network namespace of the process: ${String(error)}\n`);
      process.exit(1);
    }
  }
}
