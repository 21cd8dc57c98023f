import type { Logger } from 'pino';
import { Backoff, type BackoffOptions } from '../api/backoff.ts';
import { isAlreadyExists, isConflict } from '../api/errors.ts';
import { whenAborted } from '../api/whenAborted.ts';
import type { Runnable } from './lifecycle.ts';

/** What a handler may return: when to handle the key again although nothing went wrong. */
export interface WorkResult {
  readonly requeueAfterMs?: number;
}

export interface WorkQueueOptions {
  /** Shown in logs and metrics. */
  readonly name: string;
  /** Brings the object of that key to its wanted state. When it throws, the key is tried again with back-off. */
  readonly handler: (key: string, signal: AbortSignal) => Promise<WorkResult | void>;
  readonly logger: Logger;
  /** Keys worked on at the same time. Default 1. */
  readonly concurrency?: number;
  /** Delays of a key that keeps failing. Default 50 ms to 60 s. */
  readonly backoff?: BackoffOptions;
  readonly observer?: WorkQueueObserver | undefined;
}

/** What metrics want to know; see report/metrics.ts. */
export interface WorkQueueObserver {
  depth?(queue: string, keys: number): void;
  /** @param seconds time in the handler */
  handled?(queue: string, outcome: 'success' | 'error', seconds: number): void;
}

/**
 * Keys that wait for a handler. A key that is waiting already is not added twice; one that is added while it is being handled is
 * handled once more afterwards, never twice at once; so a handler always sees the latest state, and no change goes unhandled.
 */
export class WorkQueue implements Runnable {
  readonly name: string;
  readonly #options: WorkQueueOptions;
  /** Waiting now, in order. */
  readonly #ready = new Set<string>();
  readonly #active = new Set<string>();
  /** Added while active. */
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, { readonly timer: NodeJS.Timeout; readonly due: number }>();
  readonly #backoffs = new Map<string, Backoff>();
  readonly #stopping = new AbortController();
  readonly #ended = Promise.withResolvers<void>();
  #started = false;

  constructor(options: WorkQueueOptions) {
    this.name = options.name;
    this.#options = options;
  }

  /** Keys that are waiting, not counting those that are delayed or being handled. */
  get depth(): number {
    return this.#ready.size + this.#again.size;
  }

  /** Has the key handled as soon as possible. Without effect once the queue is stopped. */
  add(key: string): void {
    if (this.#stopping.signal.aborted) return;
    this.#cancelDelay(key);
    if (this.#active.has(key)) this.#again.add(key);
    else this.#ready.add(key);
    this.#observeDepth();
    this.#pump();
  }

  /** Has the key handled after a delay, or earlier if it is added otherwise. Of two delays the shorter counts. */
  addAfter(key: string, delayMs: number): void {
    if (this.#stopping.signal.aborted) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    if (this.#ready.has(key) || this.#again.has(key)) return;
    const due = performance.now() + delayMs;
    const delayed = this.#delayed.get(key);
    if (delayed && delayed.due <= due) return;
    clearTimeout(delayed?.timer);
    const timer = setTimeout(() => {
      this.#delayed.delete(key);
      this.add(key);
    }, delayMs);
    this.#delayed.set(key, { timer, due });
  }

  /**
   * Works until the signal aborts; keys that were added before have been waiting for it. Then it takes no more keys and forgets
   * those that wait (whoever starts next looks at everything anyway); handlers that run are told by their signal and waited
   * for.
   */
  async start(signal: AbortSignal): Promise<void> {
    if (this.#started) throw new Error(`work queue ${this.name} was started before`);
    this.#started = true;
    using _ = whenAborted(signal, this.#stop);
    this.#pump();
    await this.#ended.promise;
  }

  readonly #stop = (): void => {
    this.#stopping.abort();
    for (const key of [...this.#delayed.keys()]) this.#cancelDelay(key);
    this.#ready.clear();
    this.#again.clear();
    if (this.#active.size === 0) this.#ended.resolve();
  };

  #pump(): void {
    if (!this.#started || this.#stopping.signal.aborted) return;
    for (const key of this.#ready) {
      if (this.#active.size >= (this.#options.concurrency ?? 1)) return;
      this.#ready.delete(key);
      this.#active.add(key);
      this.#observeDepth();
      void this.#work(key);
    }
  }

  /** Never rejects. */
  async #work(key: string): Promise<void> {
    const { handler, logger, observer } = this.#options;
    const started = performance.now();
    let requeueAfterMs: number | undefined;
    let outcome: 'success' | 'error' = 'success';
    try {
      const result = await handler(key, this.#stopping.signal);
      requeueAfterMs = result?.requeueAfterMs;
      this.#backoffs.delete(key);
    } catch (error) {
      if (!this.#stopping.signal.aborted) {
        outcome = 'error';
        // Somebody else wrote first, which happens all the time: the next attempt goes by what they wrote, unless it does not see that.
        const isUsual = isConflict(error) || (isAlreadyExists(error) && !this.#backoffs.has(key));
        requeueAfterMs = this.#nextDelay(key);
        const retryInMs = Math.round(requeueAfterMs);
        if (isUsual) logger.debug({ queue: this.name, key, retryInMs }, 'an object has changed meanwhile');
        else logger.error({ err: error, queue: this.name, key, retryInMs }, 'work failed');
      }
    }
    observer?.handled?.(this.name, outcome, (performance.now() - started) / 1000);
    this.#finish(key, requeueAfterMs);
  }

  #finish(key: string, requeueAfterMs: number | undefined): void {
    this.#active.delete(key);
    if (this.#stopping.signal.aborted) {
      if (this.#active.size === 0) this.#ended.resolve();
      return;
    }
    if (this.#again.delete(key)) this.#ready.add(key);
    else if (requeueAfterMs !== undefined) this.addAfter(key, requeueAfterMs);
    this.#pump();
  }

  #nextDelay(key: string): number {
    let backoff = this.#backoffs.get(key);
    if (!backoff) {
      backoff = new Backoff({ minMs: 50, maxMs: 60_000, ...this.#options.backoff });
      this.#backoffs.set(key, backoff);
    }
    return backoff.next();
  }

  #cancelDelay(key: string): void {
    clearTimeout(this.#delayed.get(key)?.timer);
    this.#delayed.delete(key);
  }

  #observeDepth(): void {
    this.#options.observer?.depth?.(this.name, this.depth);
  }
}
