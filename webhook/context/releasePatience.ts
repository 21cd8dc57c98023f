import { type ErrorCode, isMultiNicError, type MultiNicError } from '../../core/errors.ts';
import { sleep } from '../../kube/api/deadline.ts';
import type { CallBudget } from '../review/call.ts';
import { lagPatienceMs } from './lag.ts';

/** All who wait look again at the same times, multiples of this, so that they share the requests, ms. */
const stepMs = 200;

/** Most reviews that wait at once: others must get their turn, too. */
const mostWaiting = 32;

/** After somebody has waited in vain, nobody waits for the same reason in that network for this time, ms. */
const lostMs = 10_000;

/** Refusals that go away when other pods end: no address is left, or one that the pod asks for is another pod's. */
const comesBack: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['MNN_POOL_FULL', 'MNN_ADDRESS_TAKEN']);

/**
 * Waits for addresses of pods that have just been deleted, until the leader or the node's agent has released them, which takes about a
 * second. Whether there are any shows only by waiting. So for a network whose pods live on, a few reviews wait now and then, and all others
 * are refused at once.
 */
export class ReleasePatience {
  /** When somebody last waited in vain, by network and reason. */
  readonly #lostAt = new Map<string, number>();
  #waiting = 0;

  /**
   * Repeats an operation, for a second but no more than half of the budget, while it fails because other pods have what it needs.
   * @throws the operation's last error
   */
  async grant<T>(network: string, budget: CallBudget, work: () => Promise<T>): Promise<T> {
    try {
      const granted = await work();
      this.#lostAt.delete(keyOf(network, 'MNN_POOL_FULL'));
      return granted;
    } catch (error) {
      if (!mayComeBack(error) || !this.#isWorthIt(keyOf(network, error.code))) throw error;
      return await this.#retry(network, budget, work, error);
    }
  }

  async #retry<T>(network: string, budget: CallBudget, work: () => Promise<T>, first: MultiNicError): Promise<T> {
    const until = performance.now() + lagPatienceMs(budget);
    let last = first;
    this.#waiting++;
    try {
      while (performance.now() + stepMs < until) {
        await sleep(stepMs - (performance.now() % stepMs));
        try {
          return await work();
        } catch (error) {
          if (!mayComeBack(error)) throw error;
          last = error;
        }
      }
    } finally {
      this.#waiting--;
    }
    this.#lostAt.set(keyOf(network, last.code), performance.now());
    throw last;
  }

  #isWorthIt(key: string): boolean {
    const lostAt = this.#lostAt.get(key) ?? -Infinity;
    return this.#waiting < mostWaiting && performance.now() - lostAt >= lostMs;
  }
}

function mayComeBack(error: unknown): error is MultiNicError {
  return isMultiNicError(error) && comesBack.has(error.code);
}

function keyOf(network: string, reason: ErrorCode): string {
  return `${network} ${reason}`;
}
