import type { Holder } from '../core/pool/allocate.ts';
import type { Runnable } from '../kube/process/lifecycle.ts';
import type { Logger } from '../kube/process/log.ts';
import type { PoolStore } from '../kube/pools/poolStore.ts';

/** How long a confirmation may wait for other changes of its pool, ms: less than most pods need to be bound. */
const patienceMs = 500;

const timeoutMs = 10_000;

/**
 * Confirms reservations without anybody waiting, mostly along with the next reservation in the same page. What is lost on the way is
 * confirmed by who needs it: the pod's binding, its node's agent, or the leader.
 */
export class Confirmations implements Runnable {
  readonly name = 'confirmations';
  readonly #store: PoolStore;
  readonly #logger: Logger;
  readonly #open = new Set<Promise<void>>();

  constructor(store: PoolStore, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  later(pool: string, holder: Holder): void {
    const done = this.#confirm(pool, holder).finally(() => this.#open.delete(done));
    this.#open.add(done);
  }

  async #confirm(pool: string, holder: Holder): Promise<void> {
    try {
      await this.#store.confirm(pool, holder, { timeoutMs, patienceMs });
    } catch (error) {
      this.#logger.warn({ err: error, pool, pod: holder }, 'a reservation is confirmed later, by whoever needs it');
    }
  }

  /** Ends when it is told to and what was begun is done. */
  async start(signal: AbortSignal): Promise<void> {
    await new Promise<void>(resolve => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => {
        resolve();
      });
    });
    await Promise.all(this.#open);
  }
}
