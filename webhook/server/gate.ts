import { MultiNicError } from '../../core/errors.ts';
import { Limit } from '../../kube/process/limit.ts';
import type { CallBudget } from '../review/call.ts';

export interface GateLimits {
  /** Reviews worked on at once. */
  concurrency: number;
  /** Reviews that may wait for a turn; one more is refused at once. */
  queue: number;
}

/** Lets a limited number of reviews through at once; others wait in order, up to a limit, within their budget. */
export class Gate {
  readonly #limit: Limit;
  readonly #queue: number;

  constructor({ concurrency, queue }: GateLimits) {
    this.#limit = new Limit(concurrency);
    this.#queue = queue;
  }

  get running(): number {
    return this.#limit.running;
  }

  get waiting(): number {
    return this.#limit.waiting;
  }

  /** @throws MultiNicError MNN_OVERLOADED if the queue is full or the review's turn does not come in time */
  async run<T>(budget: CallBudget, work: () => Promise<T>): Promise<T> {
    if (!this.#limit.isReached) return this.#limit.run(work);
    if (this.waiting >= this.#queue) {
      const load = `${this.running} reviews are being worked on and ${this.waiting} wait`;
      throw new MultiNicError('MNN_OVERLOADED', load);
    }
    const late = new AbortController();
    const timer = setTimeout(() => {
      const detail = 'the turn did not come within the time that the API server waits';
      late.abort(new MultiNicError('MNN_OVERLOADED', detail));
    }, budget.remainingMs());
    return this.#limit
      .run(() => {
        clearTimeout(timer);
        return work();
      }, late.signal)
      .finally(() => {
        clearTimeout(timer);
      });
  }
}
