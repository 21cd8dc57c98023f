import { ApiError } from '../api/errors.ts';

/** Reads that the API server forbids: its own messages. */
class Forbidden extends Error {}

/** Waits for all reads, so that all rights that lack are told at once. @throws Forbidden, or what else a read failed with */
export async function allOf<T extends readonly unknown[] | []>(
  reads: T,
): Promise<{ -readonly [I in keyof T]: Awaited<T[I]> }> {
  const ended = await Promise.allSettled(reads);
  const forbidden = ended.flatMap(read => (read.status === 'rejected' && isForbidden(read.reason) ? read.reason : []));
  if (forbidden.length > 0) throw new Forbidden(forbidden.map(({ message }) => message).join('\n'));
  return Promise.all(reads);
}

/** @returns undefined where the read is forbidden; `unread` is then told what is not known */
export async function wishing<T>(what: string, read: Promise<T>, unread: string[]): Promise<T | undefined> {
  return read.catch((error: unknown) => {
    if (!isForbidden(error)) throw error;
    unread.push(`${what} is not known: ${error.message}`);
    return undefined;
  });
}

function isForbidden(error: unknown): error is Error {
  return error instanceof Forbidden || (error instanceof ApiError && error.status === 403);
}
