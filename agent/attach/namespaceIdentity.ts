import { statSync } from 'node:fs';
import { isSystemError } from '../base/systemErrors.ts';
import { namespaceExists } from '../netlink/namespace.ts';

/**
 * Which network namespace a path is: device and inode, which are the namespace's own (namespaces(7)). Undefined where the path is
 * none (any more).
 */
export function namespaceIdentity(path: string): string | undefined {
  if (path === '' || !namespaceExists(path)) return undefined;
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}
