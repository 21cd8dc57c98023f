import { stat, statfs } from 'node:fs/promises';
import { isSystemError } from './errors.ts';
import type { NetnsPath } from './types.ts';

/** linux/magic.h: the file system of namespaces. */
export const NSFS_MAGIC = 0x6e736673;
/** The process's own namespace, in functions where a path is needed. */
export const ownNamespace = '/proc/self/ns/net';

/** Whether two paths are the same network namespace: same device and inode (namespaces(7)). Throws where one is not there. */
export async function sameNamespace(a: NetnsPath, b: NetnsPath): Promise<boolean> {
  const [left, right] = await Promise.all([stat(a, { bigint: true }), stat(b, { bigint: true })]);
  return left.dev === right.dev && left.ino === right.ino;
}

/**
 * Whether the path is a namespace now. A file of /run/netns that outlived its mount is an ordinary file, and is none. Throws
 * for every other reason not to find out, such as EACCES.
 */
export async function namespaceExists(path: NetnsPath): Promise<boolean> {
  try {
    return (await statfs(path)).type === NSFS_MAGIC;
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR')) return false;
    throw error;
  }
}
