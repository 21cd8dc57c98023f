/**
 * How many bytes of reviews are held at once: from the beginning of a body to its answer, for the text becomes an object that waits for
 * its turn and for the API server. Without it the gate's queue, full of the largest reviews, would be 14 GiB.
 */
export class BodyBudget {
  readonly #limit: number;
  #held = 0;

  /** @param limit in bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes that are held now. */
  get held(): number {
    return this.#held;
  }

  /** A share of nothing yet. It is given back when it is disposed of. */
  share(): BodyShare {
    let bytes = 0;
    return {
      growTo: total => {
        const others = this.#held - bytes;
        if (total <= bytes) return true;
        // What comes alone always fits, or it never would.
        if (others > 0 && others + total > this.#limit) return false;
        this.#held = others + total;
        bytes = total;
        return true;
      },
      [Symbol.dispose]: () => {
        this.#held -= bytes;
        bytes = 0;
      },
    };
  }
}

/** What one review holds of the budget. */
export interface BodyShare extends Disposable {
  /** Holds so many bytes in all, if they fit. @returns whether they do; if not, it holds what it held */
  growTo(total: number): boolean;
}
