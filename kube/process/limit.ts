import { whenAborted } from '../api/whenAborted.ts';

/** Limits how many pieces of work go on at the same time; the others wait, first come, first served. */
export class Limit {
  readonly #most: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** @param most pieces at a time */
  constructor(most: number) {
    this.#most = most;
  }

  /** How many pieces go on. */
  get running(): number {
    return this.#running;
  }

  /** How many wait for their turn. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whether one more would have to wait. */
  get isReached(): boolean {
    return this.#running >= this.#most;
  }

  /**
   * Does the work once it is its turn.
   * @param signal ends the waiting
   * @throws the signal's reason, or what the work throws
   */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.isReached) await this.#turn(signal);
    else this.#running++;
    try {
      return await work();
    } finally {
      // The place is handed straight to the next in line, so that no newcomer can take it.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }

  async #turn(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    using _ = whenAborted(signal, () => {
      const at = this.#waiting.indexOf(resolve);
      if (at >= 0) this.#waiting.splice(at, 1);
      reject(signal?.reason);
    });
    await promise;
  }
}
