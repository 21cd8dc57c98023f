import { Backoff, spread } from './backoff.ts';
import { sleep, timeLeft } from './deadline.ts';
import { ApiError, isRetryable, TransportError } from './errors.ts';

/**
 * Repeats a request, within its deadline, when this cannot have it done twice: the server says that it did not act and when to
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

/** Pauses before an API server in trouble is asked again for what it did not do: they at most double the wait. */
export function patientBackoff(): Backoff {
  return new Backoff({ minMs: 50, maxMs: 5_000 });
}

/** A try is given at least this long, ms: an API server under load is slow, and would have all the more to do. */
const leastTryMs = 1_000;

/**
 * How long to wait for the answer to one request for one object, ms: half of the time that is left. Connections die without a word, as those to an API
 * server whose machine has lost its power, and another one may lead to one that lives.
 */
export function tryMs(leftMs: number): number {
  return Math.min(leftMs, Math.max(leastTryMs, leftMs / 2));
}

/**
 * Repeats an operation, less and less often, while it fails for reasons that may pass: for operations without which a pod would be refused.
 * @param timeoutMs for all of it
 * @param work the operation, which is told how much of that time is left, ms
 * @throws what the operation throws; when the time is up, the API server's last words, if there were any
 */
export async function untilAnswered<T>(timeoutMs: number, work: (leftMs: number) => Promise<T>): Promise<T> {
  const left = timeLeft(timeoutMs);
  const backoff = patientBackoff();
  let answer: ApiError | undefined;
  for (;;) {
    try {
      return await work(left());
    } catch (error) {
      if (error instanceof ApiError) answer = error;
      if (!isRetryable(error)) throw error;
      const waitMs = backoff.next();
      // When the deadline ended the request, the answers before it say more.
      if (waitMs >= left()) throw answer ?? error;
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
