import { isMultiNicError, type ErrorCode } from '../../core/errors.ts';
import { sleep } from '../api/deadline.ts';

/** How often the copies are looked at again, ms. */
const stepMs = 25;

/** What more of the API server's objects may mend. */
const lagging: ReadonlySet<ErrorCode> = new Set(['MNN_NETWORK_NOT_READY', 'MNN_NODE_NOT_READY']);

/** Whether the error may only say that our copies of the API server's objects lag, or that the controller is not done yet. */
export function isNotReady(error: unknown): boolean {
  return isMultiNicError(error) && lagging.has(error.code);
}

/**
 * Does a work again while it fails for want of objects that are on their way: others may have seen already what our copies have not,
 * and whoever asked us tries again a good deal later, if at all.
 * @param lagMs how long to try, ms; once at least
 * @param isLag the errors that are worth it
 * @throws the work's last error
 */
export async function whenReady<T>(
  lagMs: number,
  work: () => T | Promise<T>,
  isLag: (error: unknown) => boolean = isNotReady,
): Promise<T> {
  const until = performance.now() + lagMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isLag(error) || performance.now() > until) throw error;
      await sleep(stepMs);
    }
  }
}
