import { Backoff, spread } from './backoff.ts';
import { sleep } from './deadline.ts';
import { ApiError, TransportError } from './errors.ts';

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

function retryDelay(error: unknown, method: string, backoff: Backoff): number | undefined {
  if (error instanceof ApiError && error.retryAfterS !== undefined && [429, 503].includes(error.status)) {
    return Math.max(spread(error.retryAfterS * 1000), backoff.next());
  }
  if (error instanceof TransportError && error.code === 'connection' && method === 'GET') return backoff.next();
  return undefined;
}
