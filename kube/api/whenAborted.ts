/**
 * Calls the listener when the signal aborts: at once where it has.
 * @returns what takes the listener off again; dispose of it when the work is done, as signals outlive the work that they end
 */
export function whenAborted(signal: AbortSignal | undefined, listener: () => void): Disposable {
  if (signal?.aborted) listener();
  else signal?.addEventListener('abort', listener, { once: true });
  return { [Symbol.dispose]: () => signal?.removeEventListener('abort', listener) };
}
