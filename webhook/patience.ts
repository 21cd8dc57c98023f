import { isMultiNicError } from '../core/errors.ts';
import { sleep } from '../kube/deadline.ts';
import type { CallBudget } from './call.ts';

/** How long a copy may lag behind what the scheduler has seen already. */
const lagMs = 1000;

/** How often the copy is looked at again. */
const stepMs = 25;

/**
 * Does a work again while the network is not ready. The controller gives a node its block first and its capacity after that, but the
 * scheduler may see the capacity before our copy has the block; and a bind that is refused is tried again after a minute only.
 */
export async function whenReady<T>(budget: CallBudget, work: () => Promise<T>): Promise<T> {
  const until = performance.now() + Math.min(lagMs, budget.remainingMs() / 2);
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const isLag = isMultiNicError(error) && error.code === 'MNN_NETWORK_NOT_READY';
      if (!isLag || performance.now() > until) throw error;
      await sleep(stepMs);
    }
  }
}
