import { isBeingSetUp } from '../../core/status/capacity.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import { sleep } from '../../kube/api/deadline.ts';
import type { CallBudget } from '../review/call.ts';

/** How long a copy may lag behind what the scheduler has seen already. */
const lagMs = 1000;

/** How often a network's state is looked at again, ms. */
const stepMs = 25;

/** Kept back of a review's budget for the work that follows the wait, ms. */
const workMs = 700;

/** So many reviews wait for new networks at once: the others' turn must come too. */
const mostWaiting = 32;

/**
 * How long a review may wait for our copies. The controller gives a node its block first and its capacity after that, but the scheduler
 * may see the capacity before our copy has the block; and a bind that is refused is tried again after a minute only.
 */
export function patienceMs(budget: CallBudget): number {
  return Math.min(lagMs, budget.remainingMs() / 2);
}

/**
 * Holds pods back while a network of theirs is being set up, which takes about a second: a pod that comes in the same `kubectl apply` as
 * its network would else be found no node for, and the scheduler would warn of it. A pod whose time is up goes on and waits for a node.
 */
export class SetUpPatience {
  readonly #view: Pick<ClusterView, 'network'>;
  #waiting = 0;

  constructor(view: Pick<ClusterView, 'network'>) {
    this.#view = view;
  }

  /** Resolves when some node can take pods of each network, or when the time is up. */
  async wait(networks: readonly string[], budget: CallBudget): Promise<void> {
    if (!this.#anySetUp(networks) || this.#waiting >= mostWaiting) return;
    this.#waiting++;
    try {
      while (this.#anySetUp(networks) && budget.remainingMs() > workMs) await sleep(stepMs);
    } finally {
      this.#waiting--;
    }
  }

  #anySetUp(networks: readonly string[]): boolean {
    return networks.some(name => {
      const known = this.#view.network(name);
      return known?.state.network.ownAddresses === true && isBeingSetUp(known.object.status);
    });
  }
}
