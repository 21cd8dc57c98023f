import { isBeingSetUp } from '../../core/status/capacity.ts';
import { sleep } from '../../kube/api/deadline.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import type { CallBudget } from '../review/call.ts';

/** How often a network's state is looked at again, ms. */
const stepMs = 25;

/** Part of a review's budget that is kept for the work after the wait, ms. */
const workMs = 700;

/** Most reviews that wait for new networks at once: others must get their turn, too. */
const mostWaiting = 32;

/**
 * Holds pods back while a network of theirs is being set up, which takes about a second: otherwise no node would be found for a pod that comes
 * in the same `kubectl apply` as its network, and the scheduler would warn of it. A pod whose time is up goes on and waits for a node.
 */
export class SetUpPatience {
  readonly #view: ClusterView;
  #waiting = 0;

  constructor(view: ClusterView) {
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
