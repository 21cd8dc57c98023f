/**
 * Limits the bytes of reviews that are held at once, from the beginning of a body to its answer: the text becomes an object that waits for
 * its turn and for the API server. Without this limit the gate's queue, full of the largest reviews, would take 14 GiB.
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

  /** A share, empty at first, which is given back when it is disposed of. */
  share(): BodyShare {
    let bytes = 0;
    return {
      growTo: total => {
        const others = this.#held - bytes;
        if (total <= bytes) return true;
        // A review that comes alone always fits, or it never would.
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

/** One review's share of the budget. */
export interface BodyShare extends Disposable {
  /** Grows the share to so many bytes in all, if they fit. @returns whether they do; if not, the share stays as it is */
  growTo(total: number): boolean;
}
