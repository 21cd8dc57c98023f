import { open, type FileHandle } from 'node:fs/promises';
import koffi from 'koffi';

/** sys/file.h */
const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Takes a lock that ends with the process, however it ends (flock(2)); also between containers that share the folder.
 * @returns the open file, whose close() gives the lock back; undefined where another process has it
 */
export async function takeLock(path: string): Promise<FileHandle | undefined> {
  const file = await open(path, 'a', 0o600);
  const flock = koffi.load(null).func('int flock(int fd, int operation)') as (fd: number, operation: number) => number;
  if (flock(file.fd, LOCK_EX | LOCK_NB) === 0) return file;
  await file.close();
  return undefined;
}
