import { sleep } from '../kube/api/deadline.ts';
import { PoolFullError } from '../kube/pools/poolFull.ts';
import type { CallBudget } from './call.ts';
import { patienceMs } from './patience.ts';

/** All who wait look again at the same times, so that they share the requests that it takes, ms. */
const stepMs = 200;

/** So many reviews wait at once: the others' turn must come too. */
const mostWaiting = 32;

/** After somebody has waited in vain, nobody waits for that network for so long, ms. */
const lostMs = 10_000;

/**
 * Waits for addresses on their way back: of pods that have just been deleted, until the leader or their node's agent has released them,
 * which takes it about a second. Whether there are any is found out by waiting. So a network whose pods live is waited for by a few
 * reviews now and then, and all others are refused at once.
 */
export class ReleasePatience {
  /** When it was last waited for a network in vain. */
  readonly #lostAt = new Map<string, number>();
  #waiting = 0;

  /**
   * Does a work again, for a second at most and half of the budget, while it fails because the network has no address left.
   * @throws the work's last error
   */
  async grant<T>(network: string, budget: CallBudget, work: () => Promise<T>): Promise<T> {
    try {
      const granted = await work();
      this.#lostAt.delete(network);
      return granted;
    } catch (error) {
      if (!(error instanceof PoolFullError) || !this.#isWorthIt(network)) throw error;
      return await this.#retry(network, budget, work, error);
    }
  }

  async #retry<T>(network: string, budget: CallBudget, work: () => Promise<T>, first: PoolFullError): Promise<T> {
    const until = performance.now() + patienceMs(budget);
    let last = first;
    this.#waiting++;
    try {
      while (performance.now() + stepMs < until) {
        await sleep(stepMs - (performance.now() % stepMs));
        try {
          return await work();
        } catch (error) {
          if (!(error instanceof PoolFullError)) throw error;
          last = error;
        }
      }
    } finally {
      this.#waiting--;
    }
    this.#lostAt.set(network, performance.now());
    throw last;
  }

  #isWorthIt(network: string): boolean {
    const lostAt = this.#lostAt.get(network) ?? -Infinity;
    return this.#waiting < mostWaiting && performance.now() - lostAt >= lostMs;
  }
}
