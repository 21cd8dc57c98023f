import type { CallBudget } from '../review/call.ts';

/** How long a copy may lag behind what the scheduler has seen already. */
const lagMs = 1000;

/**
 * How long a review may wait for our copies. The controller gives a node its block first and its capacity after that, but the scheduler
 * may see the capacity before our copy has the block; and a refused bind is tried again only after a minute.
 */
export function lagPatienceMs(budget: CallBudget): number {
  return Math.min(lagMs, budget.remainingMs() / 2);
}
