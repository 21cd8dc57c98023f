import { TransportError } from './errors.ts';
import { whenAborted } from './whenAborted.ts';

/** A signal that aborts when the caller's does or when the time is up. Dispose of it when the work is done. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * Limits the time of a piece of work. Built on setTimeout and one AbortController, because AbortSignal.any over
 * AbortSignal.timeout may be collected before it fires (nodejs/node #57736).
 *
 * @param signal the caller's own signal, if any: its reason is passed on
 * @param timeoutMs milliseconds; Infinity for no limit
 * @param what named in the error
 */
export function deadline(signal: AbortSignal | undefined, timeoutMs: number, what: string): Deadline {
  const controller = new AbortController();
  const following = whenAborted(signal, () => {
    controller.abort(signal?.reason);
  });
  const timer = Number.isFinite(timeoutMs)
    ? setTimeout(() => {
        controller.abort(new TransportError('timeout', `${what}: no answer within ${timeoutMs} ms`));
      }, timeoutMs)
    : undefined;
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      following[Symbol.dispose]();
    },
  };
}

/** Begins a time limit. @returns how much of it is left at any time, ms, and at least 1 */
export function timeLeft(limitMs: number): () => number {
  const end = performance.now() + limitMs;
  return () => Math.max(1, end - performance.now());
}

/** Waits; resolves early, without an error, when the signal aborts. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  using _ = whenAborted(signal, resolve);
  await promise;
  clearTimeout(timer);
}

/** Rejects with the signal's reason as soon as it aborts, however long the promise itself may take to notice. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const abort = Promise.withResolvers<never>();
  using _ = whenAborted(signal, () => {
    abort.reject(signal.reason);
  });
  return await Promise.race([promise, abort.promise]);
}
