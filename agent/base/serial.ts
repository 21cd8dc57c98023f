/** Runs work in order for one key, and side by side for different ones. */
export class KeyedSerial {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Does the work when all earlier work for the key has ended, however it ended. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const mine = before ? before.then(work, work) : work();
    // Whoever comes next waits for the end, not for success.
    const ended = mine.catch(() => undefined);
    this.#last.set(key, ended);
    try {
      return await mine;
    } finally {
      if (this.#last.get(key) === ended) this.#last.delete(key);
    }
  }
}
