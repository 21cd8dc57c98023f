import { constants } from 'node:os';
import { getSystemErrorMessage, getSystemErrorName } from 'node:util';
import type { ErrnoName, Failure } from './types.ts';

/** The name that Linux has for a positive errno, for example 17 → 'EEXIST'. */
export function errnoName(errno: number): ErrnoName {
  // Node calls it ENOTSUP, its other name in POSIX.
  if (errno === constants.errno.EOPNOTSUPP) return 'EOPNOTSUPP';
  const name = getSystemErrorName(-errno);
  return name.startsWith('E') ? (name as ErrnoName) : `E${errno}`;
}

/** What the kernel refused, or a system call: with a positive errno and the kernel's own words, where it had any. */
export abstract class ErrnoError extends Error {
  abstract readonly errno: number;
  abstract readonly text: string | null;
}

/**
 * A batch that failed: the failure of its first failed operation, with the kernel's explanation. Operations
 * before `index` have been done and stay done. So may be route, address, rule and neighbour operations shortly after it:
 * they travel to the kernel in one piece.
 */
export class NetlinkError extends Error implements Failure {
  readonly index: number;
  readonly operation: string;
  readonly target: string;
  readonly code: Failure['code'];
  readonly errno: number;
  readonly kernelText: string | null;
  /** The batch's namespace; null is the process's own. */
  readonly netns: string | null;

  constructor(failure: Failure, netns: string | null, options?: ErrorOptions) {
    super(describe(failure, netns), options);
    this.name = 'NetlinkError';
    this.index = failure.index;
    this.operation = failure.operation;
    this.target = failure.target;
    this.code = failure.code;
    this.errno = failure.errno;
    this.kernelText = failure.kernelText;
    this.netns = netns;
  }

  /** Whether the batch's namespace does not exist (any more): nothing was done, and nothing is left in it to undo. */
  get namespaceGone(): boolean {
    return this.operation === 'netns.enter' && (this.code === 'ENOENT' || this.code === 'EINVAL');
  }
}

/**
 * The layer has been closed; or the program that executes batches ended, or could not be started, in the middle of one: how much of it was
 * done is unknown. The next batch gets a new program.
 */
export class NetlinkEndedError extends Error {
  override readonly name = 'NetlinkEndedError';
}

function describe(failure: Failure, netns: string | null): string {
  const where = netns === null || failure.target === netns ? '' : ` in ${netns}`;
  const words = failure.kernelText ?? getSystemErrorMessage(-failure.errno) ?? 'unknown error';
  return `${failure.operation} ${failure.target}${where}: ${failure.code}: ${words}`;
}
