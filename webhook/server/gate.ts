import { MultiNicError } from '../../core/errors.ts';
import type { CallBudget } from '../review/call.ts';

export interface GateLimits {
  /** Reviews worked on at once. */
  concurrency: number;
  /** Reviews that may wait for a turn; one more is refused at once. */
  queue: number;
}

/** Lets a limited number of reviews through at once; others wait in order, up to a limit, within their budget. */
export class Gate {
  readonly #limits: GateLimits;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limits: GateLimits) {
    this.#limits = limits;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** @throws MultiNicError MNN_OVERLOADED if the queue is full or the review's turn does not come in time */
  async run<T>(budget: CallBudget, work: () => Promise<T>): Promise<T> {
    if (this.#running < this.#limits.concurrency) this.#running++;
    else await this.#turn(budget);
    try {
      return await work();
    } finally {
      // The place is handed straight to the next in line, so that no newcomer can take it.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }

  async #turn(budget: CallBudget): Promise<void> {
    if (this.#waiting.length >= this.#limits.queue) {
      const load = `${this.#running} reviews are being worked on and ${this.#waiting.length} wait`;
      throw new MultiNicError('MNN_OVERLOADED', load);
    }
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const admit = (): void => {
      resolve(undefined);
    };
    this.#waiting.push(admit);
    const timer = setTimeout(() => {
      const position = this.#waiting.indexOf(admit);
      if (position < 0) return;
      this.#waiting.splice(position, 1);
      reject(new MultiNicError('MNN_OVERLOADED', 'the turn did not come within the time that the API server waits'));
    }, budget.remainingMs());
    try {
      await promise;
    } finally {
      clearTimeout(timer);
    }
  }
}
