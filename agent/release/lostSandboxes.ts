import type { Logger } from 'pino';
import { sleep } from '../../kube/api/deadline.ts';
import type { Runnable } from '../../kube/process/lifecycle.ts';
import { namespaceIdentity } from '../attach/namespaceIdentity.ts';
import type { KeyedSerial } from '../base/serial.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { CheckpointEntry } from '../checkpoint/entry.ts';

export interface LostSandboxesOptions {
  readonly checkpoint: Checkpoint;
  /** Work on sandboxes, by container: see CniContext. */
  readonly sandboxes: KeyedSerial;
  readonly remove: (entry: CheckpointEntry) => Promise<void>;
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
    const { checkpoint, sandboxes, logger } = this.#options;
    for (const entry of [...checkpoint.list()]) {
      try {
        await sandboxes.run(entry.containerId, () => this.#detachIfLost(entry));
      } catch (error) {
        logger.warn({ err: error, container: entry.containerId, ifname: entry.ifname }, 'cleaning up a sandbox failed');
      }
    }
  }

  async #detachIfLost(entry: CheckpointEntry): Promise<void> {
    const { checkpoint, remove, logger } = this.#options;
    if (!checkpoint.has(entry) || namespaceIdentity(entry.netns) === entry.netnsId) return;
    await remove(entry);
    logger.info({ container: entry.containerId, ifname: entry.ifname, pod: entry.pod }, 'cleaned up a lost sandbox');
  }
}
