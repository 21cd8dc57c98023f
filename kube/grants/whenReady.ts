import { type ErrorCode, isMultiNicError } from '../../core/errors.ts';
import { sleep } from '../api/deadline.ts';

/** How often the copies are looked at again, ms. */
const stepMs = 25;

/** Errors that go away when more of the API server's objects arrive. */
const lagging: ReadonlySet<ErrorCode> = new Set(['MNN_NETWORK_NOT_READY', 'MNN_NODE_NOT_READY']);

/** Whether the error may only say that our copies of the API server's objects lag, or that the controller is not done yet. */
export function isNotReady(error: unknown): boolean {
  return isMultiNicError(error) && lagging.has(error.code);
}

/**
 * Repeats an operation while it fails for want of objects that are on their way: others may have seen what our copies lack so far,
 * and whoever asked us tries again much later, if at all.
 * @param lagMs how long to try, ms; at least one attempt is made
 * @param isLag tells the errors that are worth another attempt
 * @throws the operation's last error
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
