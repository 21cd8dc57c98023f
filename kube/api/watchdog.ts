import { TransportError } from './errors.ts';
import { whenAborted } from './whenAborted.ts';

/** Aborts its signal when nothing has been heard for too long. Dispose of it when the stream has ended. */
export interface Watchdog extends Disposable {
  readonly signal: AbortSignal;
  /** Passes chunks on; each one counts as a sign of life. */
  watching(chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer>;
}

/**
 * A stream can fall silent for ever without an error: a paused API server, a load balancer that forgot the connection. TCP
 * keep-alive does not notice a peer whose kernel still answers, so this does.
 *
 * @param signal the caller's own signal; its reason is passed on
 * @param inactivityMs silence allowed, the wait for the first byte included
 */
export function watchdog(signal: AbortSignal | undefined, inactivityMs: number, what: string): Watchdog {
  const controller = new AbortController();
  const following = whenAborted(signal, () => {
    controller.abort(signal?.reason);
  });
  const timer = setTimeout(() => {
    controller.abort(new TransportError('inactive', `${what}: nothing received for ${inactivityMs} ms`));
  }, inactivityMs);
  return {
    signal: controller.signal,
    async *watching(chunks) {
      for await (const chunk of chunks) {
        timer.refresh();
        yield chunk;
      }
    },
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      following[Symbol.dispose]();
    },
  };
}
