import { ApiError } from '../api/errors.ts';

/** A read that the API server forbids. */
class RightLacks extends Error {}

/** @param right what the read needs, for example `list nodes` @throws RightLacks where it is forbidden */
export async function needing<T>(right: string, read: Promise<T>): Promise<T> {
  return read.catch((error: unknown) => {
    throw isForbidden(error) ? new RightLacks(right, { cause: error }) : error;
  });
}

/** @returns undefined where the read is forbidden, once `unread` is told of it */
export async function wishing<T>(read: Promise<T>, unread: () => void): Promise<T | undefined> {
  return read.catch((error: unknown) => {
    if (!isForbidden(error)) throw error;
    unread();
    return undefined;
  });
}

/** Waits for all, so that all rights that lack are told at once. @throws Error that names them, or what else a read failed with */
export async function allOf<T extends readonly unknown[]>(reads: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  const ended = await Promise.allSettled(reads);
  const failures = ended.flatMap(result => (result.status === 'rejected' ? [result.reason as unknown] : []));
  const lacking = failures.filter(failure => failure instanceof RightLacks);
  const [other] = failures.filter(failure => !(failure instanceof RightLacks));
  if (other instanceof Error) throw other;
  if (lacking.length > 0)
    throw new Error(`you lack the right to ${lacking.map(({ message }) => message).join(', to ')}`);
  return ended.map(result => (result.status === 'fulfilled' ? result.value : undefined)) as unknown as T;
}

function isForbidden(error: unknown): boolean {
  return error instanceof ApiError && error.status === 403;
}
