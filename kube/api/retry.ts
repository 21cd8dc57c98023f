import { Backoff, spread } from './backoff.ts';
import { sleep } from './deadline.ts';
import { ApiError, isRetryable, TransportError } from './errors.ts';

/**
 * Repeats a request, within its deadline, where that cannot do it twice: the server says that it did not act and when to
 * come back (Retry-After with 429 or 503, as client-go does), or a read lost its connection.
 */
export async function retrying<T>(method: string, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  const backoff = new Backoff({ minMs: 100, maxMs: 5_000 });
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt();
    } catch (error) {
      const waitMs = attempts < 8 ? retryDelay(error, method, backoff) : undefined;
      if (waitMs === undefined || signal.aborted) throw error;
      await sleep(waitMs, signal);
      // The server's own words say more than "no answer in time" would.
      if (signal.aborted) throw error;
    }
  }
}

/** Pauses before what an API server in need did not do is asked of it again: whoever waits for it waits twice as long at most. */
export function patientBackoff(): Backoff {
  return new Backoff({ minMs: 50, maxMs: 5_000 });
}

/**
 * Repeats a work, less and less often, while it comes to nothing for reasons that may pass: for work without which a pod would be refused.
 * @param timeoutMs for all of it
 * @param work is told what is left of that, ms
 * @throws what the work throws; at the end of the time the API server's last words, where it said any
 */
export async function untilAnswered<T>(timeoutMs: number, work: (leftMs: number) => Promise<T>): Promise<T> {
  const until = performance.now() + timeoutMs;
  const backoff = patientBackoff();
  let answer: ApiError | undefined;
  for (;;) {
    try {
      return await work(Math.max(1, until - performance.now()));
    } catch (error) {
      if (error instanceof ApiError) answer = error;
      if (!isRetryable(error)) throw error;
      const waitMs = backoff.next();
      // Of a request that the deadline ended, the answers before say more.
      if (performance.now() + waitMs >= until) throw answer ?? error;
      await sleep(waitMs);
    }
  }
}

function retryDelay(error: unknown, method: string, backoff: Backoff): number | undefined {
  if (error instanceof ApiError && error.retryAfterS !== undefined && [429, 503].includes(error.status)) {
    return Math.max(spread(error.retryAfterS * 1000), backoff.next());
  }
  if (error instanceof TransportError && error.code === 'connection' && method === 'GET') return backoff.next();
  return undefined;
}
