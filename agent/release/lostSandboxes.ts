import type { Logger } from 'pino';
import { sleep } from '../../kube/api/deadline.ts';
import type { Runnable } from '../../kube/process/lifecycle.ts';
import { namespaceIdentity } from '../attach/namespaceIdentity.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { CheckpointEntry } from '../checkpoint/entry.ts';

export interface LostSandboxesOptions {
  readonly checkpoint: Checkpoint;
  readonly detach: (entry: CheckpointEntry) => Promise<void>;
  readonly detached: (entry: CheckpointEntry) => void;
  /** Does work on a sandbox while no CNI call for it is under way. */
  readonly exclusively: (containerId: string, work: () => Promise<void>) => Promise<void>;
  readonly logger: Logger;
}

/** How often to look. */
const intervalMs = 60_000;

/**
 * Removes what is left of sandboxes whose network namespace disappeared without a DEL: after a reboot of the host, or when a runtime lost
 * its state. Otherwise their entries would hold the pods' addresses for ever.
 */
export class LostSandboxes implements Runnable {
  readonly name = 'lost sandboxes';
  readonly #options: LostSandboxesOptions;

  constructor(options: LostSandboxesOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.sweep();
      await sleep(intervalMs, signal);
    }
  }

  async sweep(): Promise<void> {
    const { checkpoint, exclusively, logger } = this.#options;
    for (const entry of [...checkpoint.list()]) {
      try {
        await exclusively(entry.containerId, () => this.#detachIfLost(entry));
      } catch (error) {
        logger.warn({ err: error, container: entry.containerId, ifname: entry.ifname }, 'cleaning up a sandbox failed');
      }
    }
  }

  async #detachIfLost(entry: CheckpointEntry): Promise<void> {
    const { checkpoint, detach, detached, logger } = this.#options;
    if (checkpoint.get(entry.containerId, entry.ifname) !== entry) return;
    if (namespaceIdentity(entry.netns) === entry.netnsId) return;
    try {
      await detach(entry);
    } finally {
      detached(entry);
    }
    logger.info({ container: entry.containerId, ifname: entry.ifname, pod: entry.pod }, 'cleaned up a lost sandbox');
  }
}
