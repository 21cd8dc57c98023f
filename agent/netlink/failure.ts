import { constants } from 'node:os';
import { isChange } from './changes.ts';
import { errnoName, ErrnoError } from './errors.ts';
import { InvalidArgument } from './text.ts';
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

/** The parts of operations that tell what they are about, with the words that `ip` puts before them. */
const targetWords = {
  name: '',
  address: '',
  dst: '',
  key: '',
  netns: '',
  from: 'from ',
  to: 'to ',
  iif: 'iif ',
  gateway: 'via ',
  dev: 'dev ',
  altName: 'altname ',
  table: 'table ',
  group: 'group ',
} as const;

/** What an operation is about, in words for an error message, for example '10.9.0.0/16 via 10.1.0.2 dev net1-0'. */
export function targetOf(op: Op): string {
  const parts: Partial<Record<string, unknown>> = { ...op };
  return Object.entries(targetWords)
    .filter(([key]) => typeof parts[key] === 'string' || typeof parts[key] === 'number')
    .map(([key, word]) => `${word}${String(parts[key])}`)
    .join(' ');
}

/** The failure that a thrown value stands for; what is no error of the system (a LostThreadError, a defect) goes on upwards. */
export function toFailure(error: unknown, index: number, operation: string, target: string): Failure {
  const { errno, text } = errnoOf(error);
  return { index, operation, target, code: errnoName(errno), errno, kernelText: text };
}

/** The result that stands for a failure where it may stand. Throws BatchFailure where it may not. */
export function settle(failure: Failure, op: Op, onFailure: OnFailure): Result {
  const tolerated = op.ignore?.includes(failure.code) === true;
  const carriesOn = onFailure === 'continue' && isChange(op);
  if (!tolerated && !carriesOn) throw new BatchFailure(failure);
  return isChange(op) ? { done: false, failure } : null;
}

function errnoOf(error: unknown): { errno: number; text: string | null } {
  if (error instanceof BatchFailure) return { errno: error.failure.errno, text: error.failure.kernelText };
  if (error instanceof ErrnoError) return { errno: error.errno, text: error.text };
  if (error instanceof InvalidArgument) return { errno: constants.errno.EINVAL, text: error.message };
  // Numbers beyond what a field of the message can hold.
  if (error instanceof RangeError) return { errno: constants.errno.ERANGE, text: error.message };
  // Node's own file system calls: errno is negative there.
  if (error instanceof Error && 'errno' in error && typeof error.errno === 'number') {
    return { errno: Math.abs(error.errno), text: null };
  }
  throw error;
}
