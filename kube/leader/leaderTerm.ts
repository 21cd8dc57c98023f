import type { Lease } from '../api/resources.ts';
import { whenAborted } from '../api/whenAborted.ts';

/** One term of a leader, from its election until its work has ended. */
export class Term implements Disposable {
  /** As last written. */
  held: Lease;
  readonly #leading = new AbortController();
  readonly #over = new AbortController();
  readonly #following: Disposable;
  #leadsUntil: number;
  #timer: NodeJS.Timeout | undefined;
  #lost = false;

  /**
   * @param stop ends the term in good order
   * @param leadsUntil by the monotonic clock; the term is lost at that time unless it was extended
   */
  constructor(held: Lease, stop: AbortSignal, leadsUntil: number) {
    this.held = held;
    this.#leadsUntil = leadsUntil;
    this.#following = whenAborted(stop, () => {
      this.#leading.abort();
    });
    this.extend(leadsUntil);
  }

  /** Aborts when the leader's work is to end. */
  get leading(): AbortSignal {
    return this.#leading.signal;
  }

  /** Aborts when there is nothing to renew any more: the work has ended, or the term is lost. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  get lost(): boolean {
    return this.#lost;
  }

  /** Whether the term still lasts, by the clock: in a paused process the timer fires late. */
  get isCurrent(): boolean {
    return !this.#lost && performance.now() < this.#leadsUntil;
  }

  extend(leadsUntil: number): void {
    if (this.#over.signal.aborted) return;
    this.#leadsUntil = leadsUntil;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        this.lose();
      },
      Math.max(0, leadsUntil - performance.now()),
    );
  }

  /** Somebody else leads, or may. */
  lose(): void {
    if (this.#over.signal.aborted) return;
    this.#lost = true;
    this.#leading.abort(new Error('leadership lost'));
    this.end();
  }

  /** The leader's work has ended. */
  end(): void {
    clearTimeout(this.#timer);
    this.#over.abort();
  }

  [Symbol.dispose](): void {
    this.end();
    this.#following[Symbol.dispose]();
  }
}
