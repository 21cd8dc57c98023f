/**
 * How long this process has known of something, by its own monotonic clock: times written by others come from their clocks, and any wall
 * clock may jump.
 */
export class FirstSeen {
  #at = new Map<string, number>();

  /** Milliseconds; 0 where it is new. */
  ageMs(key: string): number {
    const now = performance.now();
    const at = this.#at.get(key) ?? now;
    this.#at.set(key, at);
    return now - at;
  }

  /** Forgets all others. */
  keep(keys: ReadonlySet<string>): void {
    this.#at = new Map([...this.#at].filter(([key]) => keys.has(key)));
  }
}
