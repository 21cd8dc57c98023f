import { setImmediate } from 'node:timers/promises';
import type { ClusterView } from './clusterView.ts';
import type { HostProfiles } from './hostProfiles.ts';
import type { Runnable } from './lifecycle.ts';
import type { Logger } from './log.ts';
import { WorkQueue, type WorkQueueObserver } from './workQueue.ts';

export interface ProfilePreparerOptions {
  readonly view: ClusterView;
  readonly profiles: HostProfiles;
  readonly logger: Logger;
  readonly observer?: WorkQueueObserver;
}

/** Hosts looked at in one turn of the event loop: about a millisecond. */
export const hostsATurn = 64;
/** Changes of hosts come in bursts, ms. */
const settleMs = 100;

const theOnlyKey = 'profiles';

/** Looks at hosts as they and networks change, so that no request has to: at 5,000 hosts that would make a pod wait for a tenth of a second. */
export class ProfilePreparer implements Runnable {
  readonly name = 'host profiles';
  readonly #options: ProfilePreparerOptions;
  readonly #queue: WorkQueue;

  constructor(options: ProfilePreparerOptions) {
    this.#options = options;
    const { view, logger, observer } = options;
    this.#queue = new WorkQueue({
      name: this.name,
      logger,
      handler: (_key, signal) => this.#prepare(signal),
      ...(observer && { observer }),
    });
    view.addHostListener(() => {
      this.#queue.addAfter(theOnlyKey, settleMs);
    });
    view.addNetworkListener(() => {
      this.#queue.add(theOnlyKey);
    });
  }

  start(signal: AbortSignal): Promise<void> {
    this.#queue.add(theOnlyKey);
    return this.#queue.start(signal);
  }

  async #prepare(signal: AbortSignal): Promise<void> {
    const { view, profiles } = this.#options;
    while (!signal.aborted && view.networks().some(known => profiles.prepare(known, hostsATurn))) await setImmediate();
  }
}
