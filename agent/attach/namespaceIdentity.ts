import { stat } from 'node:fs/promises';
import { namespaceExists } from '../netlink/namespace.ts';

/**
 * Which network namespace a path is: device and inode, which are the namespace's own (namespaces(7)). Undefined where the path is
 * none (any more).
 */
export async function namespaceIdentity(path: string): Promise<string | undefined> {
  if (path === '' || !(await namespaceExists(path))) return undefined;
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
