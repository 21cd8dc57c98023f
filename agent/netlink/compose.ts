import { Writer } from './attributes.ts';
import { writeChange, type PackableOp } from './changes.ts';
import { errnoName } from './errors.ts';
import { targetOf } from './target.ts';
import { InvalidArgument, unwritableErrno } from './text.ts';
import type { Failure } from './types.ts';

/** A request that the kernel refused: the index of its operation, the positive errno, and the kernel's own words. */
export interface Refusal {
  readonly index: number;
  readonly errno: number;
  readonly text: string | null;
}

/** Requests as bytes, each with its operation's index in place of a sequence number, and what could not be made one. */
export interface Composed {
  readonly requests: Buffer<ArrayBuffer>;
  readonly refusals: readonly Refusal[];
}

/** What needs no look at the kernel first. */
const byIndex = {
  linkIndex(link: number | string): number {
    if (typeof link === 'number') return link;
    throw new InvalidArgument(`"${link}" is not the index of a link`);
  },
  namespaceFd(): never {
    throw new InvalidArgument('no namespace can be named here');
  },
};

/** Makes requests of operations where these are, so that the worker is handed bytes instead of as many objects. */
export function compose(ops: readonly PackableOp[]): Composed {
  const writer = new Writer();
  const refusals: Refusal[] = [];
  for (const [index, op] of ops.entries()) {
    const start = writer.length;
    try {
      writeChange(writer, index, op, byIndex);
    } catch (error) {
      const errno = unwritableErrno(error);
      if (errno === undefined || !(error instanceof Error)) throw error;
      writer.truncate(start);
      refusals.push({ index, errno, text: error.message });
    }
  }
  return { requests: writer.bytes(), refusals };
}

/** The failure that a refusal of the operation stands for. */
export function failureOf(op: PackableOp, { index, errno, text }: Refusal): Failure {
  return { index, operation: op.op, target: targetOf(op), code: errnoName(errno), errno, kernelText: text };
}
