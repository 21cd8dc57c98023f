import { TransportError } from './errors.ts';

/** A signal that aborts when the caller's does or when the time is over. Dispose it when the work is done. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * Bounds a piece of work in time. Built on setTimeout and one AbortController, because AbortSignal.any over
 * AbortSignal.timeout may be collected before it fires (nodejs/node #57736).
 *
 * @param signal the caller's own signal, if any: its reason is passed on
 * @param timeoutMs milliseconds; Infinity for no limit
 * @param what named in the error
 */
export function deadline(signal: AbortSignal | undefined, timeoutMs: number, what: string): Deadline {
  const controller = new AbortController();
  const onAbort = () => {
    controller.abort(signal?.reason);
  };
  if (signal?.aborted) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  const timer = Number.isFinite(timeoutMs)
    ? setTimeout(() => {
        controller.abort(new TransportError('timeout', `${what}: no answer within ${timeoutMs} ms`));
      }, timeoutMs)
    : undefined;
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    },
  };
}

/** Waits; resolves early, without an error, when the signal aborts. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return;
  await new Promise<void>(resolve => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Rejects with the signal's reason as soon as it aborts, however long the promise itself may take to notice. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const abort = Promise.withResolvers<never>();
  const onAbort = () => {
    abort.reject(signal.reason);
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, abort.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
