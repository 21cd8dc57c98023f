import { constants } from 'node:os';
import { errnoName } from './errors.ts';
import { SystemError } from './libc.ts';
import { RefusedError } from './socket.ts';
import { InvalidArgument } from './text.ts';
import { LostThreadError } from './thread-namespace.ts';
import type { Failure, Op } from './types.ts';

/** Thrown inside the worker to stop a batch. */
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
  if (error instanceof InvalidArgument) return { errno: constants.errno.EINVAL, text: error.message };
  // Numbers beyond what a field of the message can hold.
  if (error instanceof RangeError) return { errno: constants.errno.ERANGE, text: error.message };
  // Node's own file system calls: errno is negative there.
  if (error instanceof Error && 'errno' in error && typeof error.errno === 'number') {
    return { errno: Math.abs(error.errno), text: null };
  }
  throw error;
}
