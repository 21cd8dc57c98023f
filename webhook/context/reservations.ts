import type { Logger } from 'pino';
import type { Holder } from '../../core/pool/holder.ts';
import type { PoolCallOptions, PoolStore } from '../../kube/pools/poolStore.ts';
import { type Runnable, untilAborted } from '../../kube/process/lifecycle.ts';

/** For changes that nobody waits for, which may be written together with others of their pool: done before most pods are bound. */
const unhurried: PoolCallOptions = { timeoutMs: 10_000, patienceMs: 500 };

/**
 * Settles reservations after their review is answered. If this fails, whoever needs the reservation (the pod's binding, its node's agent,
 * the leader) confirms it; if nobody does, it expires.
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

  /** Makes the pod's reservation its own. */
  confirm(pool: string, holder: Holder): void {
    this.#settle(pool, this.#store.confirm(pool, holder, unhurried));
  }

  /** Gives reservations up. Owners of many pods retry at once and for ever: otherwise each try would hold addresses until its reservation expires. */
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
          'a reservation is not settled yet: whoever needs it will settle it, or it expires',
        );
      })
      .then(() => void this.#open.delete(done));
    this.#open.add(done);
  }

  /** Ends when the signal aborts and everything begun is done. */
  async start(signal: AbortSignal): Promise<void> {
    await untilAborted(signal);
    // Others that stop give back what they have.
    while (this.#open.size > 0) await Promise.all(this.#open);
  }
}
