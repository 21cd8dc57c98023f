import type { Logger } from 'pino';
import type { Holder } from '../../core/pool/holder.ts';
import { untilAborted, type Runnable } from '../../kube/process/lifecycle.ts';
import type { PoolCallOptions, PoolStore } from '../../kube/pools/poolStore.ts';

/** What is done without anybody waiting, and goes along with other changes of its pool: sooner than most pods are bound. */
const unhurried: PoolCallOptions = { timeoutMs: 10_000, patienceMs: 500 };

/**
 * Settles reservations after their review is answered. What is lost on the way is confirmed by who needs it (the pod's binding, its node's
 * agent, the leader), and runs out where nobody does.
 */
export class Reservations implements Runnable {
  readonly name = 'reservations';
  readonly #store: PoolStore;
  readonly #logger: Logger;
  readonly #open = new Set<Promise<void>>();

  constructor(store: PoolStore, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  /** Gives the pod what was reserved for it. */
  confirm(pool: string, holder: Holder): void {
    this.#settle(pool, this.#store.confirm(pool, holder, unhurried));
  }

  /** Owners of many pods retry at once and for ever: without this each try would hold addresses until the reservation ends. */
  giveBack(pool: string, reservation: string): void {
    const work = this.#store.release(
      pool,
      record => record.reservation === reservation && record.state === 'Reserved',
      unhurried,
    );
    this.#settle(pool, work);
  }

  #settle(pool: string, work: Promise<unknown>): void {
    const done = work
      .catch((error: unknown) => {
        this.#logger.warn(
          { err: error, pool },
          'a reservation is not settled yet: whoever needs it will, or it runs out',
        );
      })
      .then(() => void this.#open.delete(done));
    this.#open.add(done);
  }

  /** Ends when it is told to, and what was begun is done. */
  async start(signal: AbortSignal): Promise<void> {
    await untilAborted(signal);
    await Promise.all(this.#open);
  }
}
