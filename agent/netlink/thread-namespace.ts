import { closeSync, openSync } from 'node:fs';
import * as libc from './libc.ts';

/** The thread could not come back from a network namespace: it must end, since all that it does would happen there. */
export class LostThreadError extends Error {
  override readonly name = 'LostThreadError';
}

/** The network namespace of the calling thread, and short visits to others. */
export class ThreadNamespace implements Disposable {
  readonly #home = openSync('/proc/thread-self/ns/net', 'r');

  [Symbol.dispose](): void {
    closeSync(this.#home);
  }

  /**
   * Does `work` in the namespace of the open file `fd` and returns to the thread's own. Throws SystemError where the
   * file is no namespace (EINVAL) and LostThreadError where the way back fails.
   */
  within<T>(fd: number, work: () => T): T {
    libc.setns(fd, libc.CLONE_NEWNET);
    try {
      return work();
    } finally {
      this.#return();
    }
  }

  #return(): void {
    try {
      libc.setns(this.#home, libc.CLONE_NEWNET);
    } catch (cause) {
      throw new LostThreadError('cannot return to the network namespace of the process', { cause });
    }
  }
}
