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

/** What an operation is about, in words for an error message. */
export function targetOf(op: Op): string {
  switch (op.op) {
    case 'link.add':
      return op.name;
    case 'altname.add':
    case 'altname.del':
      return `${op.dev} ${op.altName}`;
    case 'address.add':
    case 'address.del':
    case 'neighbour.add':
    case 'neighbour.replace':
    case 'neighbour.del':
      return `${op.address} dev ${op.dev}`;
    case 'route.add':
    case 'route.replace':
    case 'route.del':
      return [op.dst, word('via', op.gateway), word('dev', op.dev), word('table', op.table)].filter(Boolean).join(' ');
    case 'rule.add':
    case 'rule.del':
      return [word('from', op.from), word('to', op.to), word('iif', op.iif), word('table', op.table)]
        .filter(Boolean)
        .join(' ');
    case 'sysctl.get':
    case 'sysctl.set':
      return op.key;
    case 'netns.id':
      return op.netns;
    case 'link.get':
    case 'link.set':
    case 'link.del':
      return String(op.dev);
    default:
      return 'dev' in op && op.dev !== undefined ? `dev ${op.dev}` : 'all';
  }
}

function word(name: string, value: string | number | undefined): string {
  return value === undefined ? '' : `${name} ${value}`;
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
