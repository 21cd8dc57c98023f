import type { Runnable } from './lifecycle.ts';
import { WorkQueue, type WorkQueueOptions, type WorkResult } from './workQueue.ts';

export interface SingleWorkOptions extends Pick<WorkQueueOptions, 'name' | 'logger' | 'backoff' | 'observer'> {
  /** Does the work. When it throws, it is tried again with back-off. */
  readonly handler: (signal: AbortSignal) => Promise<WorkResult | void>;
}

/** A work queue with a single key, for work that is always done as a whole. */
export class SingleWork implements Runnable {
  readonly name: string;
  readonly #queue: WorkQueue;

  constructor(options: SingleWorkOptions) {
    this.name = options.name;
    this.#queue = new WorkQueue({ ...options, handler: (_key, signal) => options.handler(signal) });
  }

  /** Has the work done after a delay, or earlier if triggered otherwise: changes come in bursts. */
  trigger(afterMs = 0): void {
    this.#queue.addAfter(this.name, afterMs);
  }

  /** Does the work once, and then whenever it is triggered. */
  start(signal: AbortSignal): Promise<void> {
    this.trigger();
    return this.#queue.start(signal);
  }
}
