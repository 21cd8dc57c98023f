import { errnoName } from './errors.ts';
import { SystemError } from './libc.ts';
import { RefusedError } from './socket.ts';
import { unwritableErrno } from './text.ts';
import { LostThreadError } from './thread-namespace.ts';
import type { Failure } from './types.ts';

/** Thrown inside the worker to stop a batch. */
export class BatchFailure extends Error {
  override readonly name = 'BatchFailure';
  readonly failure: Failure;

  constructor(failure: Failure, options?: ErrorOptions) {
    super(`${failure.operation} ${failure.target}: ${failure.code}`, options);
    this.failure = failure;
  }
}

/** The failure that a thrown value stands for; a LostThreadError and what is no system error go on upwards. */
export function toFailure(error: unknown, index: number, operation: string, target: string): Failure {
  if (error instanceof LostThreadError) throw error;
  const { errno, text } = errnoOf(error);
  return { index, operation, target, code: errnoName(errno), errno, kernelText: text };
}

function errnoOf(error: unknown): { errno: number; text: string | null } {
  if (error instanceof BatchFailure) return { errno: error.failure.errno, text: error.failure.kernelText };
  if (error instanceof RefusedError) return { errno: -error.acknowledgement.errno, text: error.acknowledgement.text };
  if (error instanceof SystemError) return { errno: error.errno, text: null };
  const unwritable = unwritableErrno(error);
  if (unwritable !== undefined && error instanceof Error) return { errno: unwritable, text: error.message };
  // Node's own file system calls: errno is negative there.
  if (error instanceof Error && 'errno' in error && typeof error.errno === 'number') {
    return { errno: Math.abs(error.errno), text: null };
  }
  throw error;
}
