import { isChange } from './changes.ts';
import { ErrnoError, errnoName } from './errors.ts';
import { unwritableErrno } from './text.ts';
import type { Failure, Op, Result } from './types.ts';

/** Whether a failed change ends the batch, or stands in its result while the rest is done. */
export type OnFailure = 'stop' | 'continue';

/** Thrown to stop a batch. */
export class BatchFailure extends Error {
  override readonly name = 'BatchFailure';
  readonly failure: Failure;

  constructor(failure: Failure, options?: ErrorOptions) {
    super(`${failure.operation} ${failure.target}: ${failure.code}`, options);
    this.failure = failure;
  }
}

/** The failure that a thrown value stands for; anything that is not a system error (a defect) is thrown on. */
export function toFailure(error: unknown, index: number, operation: string, target: string): Failure {
  const { errno, text } = errnoOf(error);
  return { index, operation, target, code: errnoName(errno), errno, kernelText: text };
}

/** The result that stands for a failure that does not end the batch. @throws BatchFailure for one that does */
export function settle(failure: Failure, op: Op, onFailure: OnFailure): Result {
  if (onFailure === 'continue' && isChange(op)) return { done: false, failure };
  if (op.ignore?.includes(failure.code) !== true) throw new BatchFailure(failure);
  return isChange(op) ? { done: false, failure } : null;
}

function errnoOf(error: unknown): { errno: number; text: string | null } {
  if (error instanceof BatchFailure) return { errno: error.failure.errno, text: error.failure.kernelText };
  if (error instanceof ErrnoError) return { errno: error.errno, text: error.text };
  const unwritable = unwritableErrno(error);
  if (unwritable !== undefined && error instanceof Error) return { errno: unwritable, text: error.message };
  // Node's own file system calls: errno is negative there.
  if (error instanceof Error && 'errno' in error && typeof error.errno === 'number') {
    return { errno: Math.abs(error.errno), text: null };
  }
  throw error;
}
