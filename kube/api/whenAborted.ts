/**
 * Calls the listener when the signal aborts, or at once if it has already.
 * @returns removes the listener when disposed of: do that when the work is done, as signals outlive the work that they end
 */
export function whenAborted(signal: AbortSignal | undefined, listener: () => void): Disposable {
  if (signal?.aborted) listener();
  else signal?.addEventListener('abort', listener, { once: true });
  return { [Symbol.dispose]: () => signal?.removeEventListener('abort', listener) };
}
