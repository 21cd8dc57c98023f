import type { Step } from '../base/steps.ts';
import type { CheckpointEntry } from '../checkpoint/entry.ts';
import type { AttachTools } from './attachTools.ts';

/** The current entry of the attachment that is being made, whether or not it could be written. */
export class EntryWriter {
  current: CheckpointEntry;
  readonly #options: Pick<AttachTools, 'checkpoint' | 'onStep'>;

  constructor(intent: CheckpointEntry, options: Pick<AttachTools, 'checkpoint' | 'onStep'>) {
    this.current = intent;
    this.#options = options;
  }

  /** @throws CniError code 5 where it cannot be written */
  async put(next: CheckpointEntry, step: Step): Promise<void> {
    this.current = next;
    await this.#options.checkpoint.put(next);
    this.#options.onStep(step);
  }
}
