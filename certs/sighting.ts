/** For how long something has looked the same, by the monotonic clock of who looks. */
export class Sighting {
  #fact: string | undefined;
  #since = 0;

  /**
   * @param fact what is seen now; undefined: nothing
   * @param clockMs of performance.now()
   * @returns since when every look saw this fact, as milliseconds before now
   */
  look(fact: string | undefined, clockMs: number): number {
    if (fact === undefined || fact !== this.#fact) {
      this.#fact = fact;
      this.#since = clockMs;
    }
    return clockMs - this.#since;
  }
}
