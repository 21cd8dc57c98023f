import { statfsSync, statSync } from 'node:fs';
import { isSystemError } from '../base/systemErrors.ts';
import type { NetnsPath } from './types.ts';

// Synchronous: the kernel answers for what is in its memory in a few µs, where the way through the thread pool takes hundreds.

/** linux/magic.h: the file system of namespaces. */
export const NSFS_MAGIC = 0x6e736673;
/** The process's own namespace, in functions where a path is needed. */
export const ownNamespace = '/proc/self/ns/net';

/** Whether two paths are the same network namespace: same device and inode (namespaces(7)). Throws where one is not there. */
export function sameNamespace(a: NetnsPath, b: NetnsPath): boolean {
  const [left, right] = [statSync(a, { bigint: true }), statSync(b, { bigint: true })];
  return left.dev === right.dev && left.ino === right.ino;
}

/**
 * Whether the path is a namespace now. A file of /run/netns that outlived its mount is an ordinary file. Throws
 * for every other reason not to find out, such as EACCES.
 */
export function namespaceExists(path: NetnsPath): boolean {
  try {
    return statfsSync(path).type === NSFS_MAGIC;
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}
