import type { Runnable } from './lifecycle.ts';
import { WorkQueue, type WorkQueueObserver, type WorkQueueOptions, type WorkResult } from './workQueue.ts';

export interface SingleWorkOptions extends Pick<WorkQueueOptions, 'name' | 'logger'> {
  /** Brings it to its wanted state. Throwing has it tried again with back-off. */
  readonly handler: (signal: AbortSignal) => Promise<WorkResult | void>;
  readonly observer: WorkQueueObserver | undefined;
}

/** A work queue for what is looked at as a whole: it has one key. */
export class SingleWork implements Runnable {
  readonly name: string;
  readonly #queue: WorkQueue;

  constructor({ name, logger, handler, observer }: SingleWorkOptions) {
    this.name = name;
    this.#queue = new WorkQueue({
      name,
      logger,
      handler: (_key, signal) => handler(signal),
      observer,
    });
  }

  /** Has it looked at after a delay, or earlier where something else asks for that: changes come in bursts. */
  trigger(afterMs = 0): void {
    this.#queue.addAfter(this.name, afterMs);
  }

  /** Looks once, and then whenever it is triggered. */
  start(signal: AbortSignal): Promise<void> {
    this.trigger();
    return this.#queue.start(signal);
  }
}
