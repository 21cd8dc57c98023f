/** Over which pods are counted, ms. */
const windowMs = 1000;
/** Pods that come at once say no more about those to come than if they had come within this time, ms. */
const shortestMs = 100;
/** As many are expected as come in this time, ms: longer than a garbage collection of the API server. */
const aheadMs = 500;

/** How many pods alike are to be expected soon, by those that came in the last second. */
export class Demand {
  readonly #most: number;
  /** When they came, the oldest first. */
  readonly #came: number[] = [];

  /** @param most that are ever expected; as many are remembered */
  constructor(most: number) {
    this.#most = most;
  }

  /** When the last one came; long ago where none did. */
  get last(): number {
    return this.#came.at(-1) ?? -Infinity;
  }

  /** One has come. @param now ms, of a clock that only goes forward */
  note(now: number): void {
    this.#came.push(now);
    if (this.#came.length > this.#most) this.#came.shift();
  }

  /** How many come within half a second at the present rate. @param least that must have come in the last second for any to be expected */
  expected(now: number, least: number): number {
    const late = this.#came.filter(at => at >= now - windowMs);
    const [first] = late;
    if (first === undefined || late.length < least) return 0;
    const perMs = late.length / Math.max(shortestMs, now - first);
    return Math.min(Math.ceil(perMs * aheadMs), this.#most);
  }
}
