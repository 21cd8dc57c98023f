export interface BackoffOptions {
  /** The shortest delay, in milliseconds. Default 800. */
  readonly minMs?: number;
  /** No delay is longer. Default 30,000. */
  readonly maxMs?: number;
  /** Delays are lengthened at random by up to this fraction of themselves, so that many clients do not return at once. Default 0.5. */
  readonly jitter?: number;
  /** Source of numbers in [0, 1). */
  readonly random?: () => number;
}

/** Exponential back-off with jitter: each delay is twice the one before. */
export class Backoff {
  readonly #options: Required<BackoffOptions>;
  #failures = 0;

  constructor(options: BackoffOptions = {}) {
    this.#options = { minMs: 800, maxMs: 30_000, jitter: 0.5, random: Math.random, ...options };
  }

  /** Milliseconds to wait now; the next delay will be longer. */
  next(): number {
    const { minMs, maxMs, jitter, random } = this.#options;
    const base = Math.min(minMs * 2 ** this.#failures, maxMs / (1 + jitter));
    this.#failures++;
    return base * (1 + jitter * random());
  }

  /** It worked: start from the shortest delay again. */
  reset(): void {
    this.#failures = 0;
  }
}

/** The delay that the server asked for, in milliseconds, plus up to half as much again: thousands of clients get the same one at the same moment. */
export function spread(ms: number, random: () => number = Math.random): number {
  return ms * (1 + random() / 2);
}
