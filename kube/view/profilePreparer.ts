import { setImmediate } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Runnable } from '../process/lifecycle.ts';
import { SingleWork } from '../process/singleWork.ts';
import type { WorkQueueObserver } from '../process/workQueue.ts';
import type { ClusterView } from './clusterView.ts';
import type { HostProfiles } from './hostProfiles.ts';

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

/** Looks at hosts as soon as they or networks change, so that no request has to: with 5,000 hosts that would cost a pod a tenth of a second. */
export class ProfilePreparer implements Runnable {
  readonly name = 'host profiles';
  readonly #options: ProfilePreparerOptions;
  readonly #work: SingleWork;

  constructor(options: ProfilePreparerOptions) {
    this.#options = options;
    const { view, logger, observer } = options;
    this.#work = new SingleWork({ name: this.name, logger, observer, handler: signal => this.#prepare(signal) });
    view.addHostListener(() => {
      this.#work.trigger(settleMs);
    });
    view.addNetworkListener(() => {
      this.#work.trigger();
    });
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#work.start(signal);
  }

  async #prepare(signal: AbortSignal): Promise<void> {
    const { view, profiles } = this.#options;
    while (!signal.aborted && view.networks().some(known => profiles.prepare(known, hostsATurn))) await setImmediate();
  }
}
