/** For how long something has looked the same, by the observer's monotonic clock. */
export class Sighting {
  #fact: string | undefined;
  #since = 0;

  /**
   * @param fact what is seen now; undefined: nothing
   * @param clockMs of performance.now()
   * @returns for how long every look has seen this fact, in milliseconds
   */
  look(fact: string | undefined, clockMs: number): number {
    if (fact === undefined || fact !== this.#fact) {
      this.#fact = fact;
      this.#since = clockMs;
    }
    return clockMs - this.#since;
  }
}
