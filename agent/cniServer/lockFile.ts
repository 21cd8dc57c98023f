import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type FileHandle, open } from 'node:fs/promises';

/** sys/file.h */
const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Takes a lock that ends with the process, however it ends (flock(2)); also between containers that share the folder.
 * @returns the open file, whose close() gives the lock back; undefined where another process has it
 */
export async function takeLock(path: string): Promise<FileHandle | undefined> {
  const file = await open(path, 'a', 0o600);
  try {
    const lock = (await nativeFlock()) ?? flockProgram;
    if (await lock(file.fd)) return file;
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  return undefined;
}

type Lock = (fd: number) => boolean | Promise<boolean>;

/** The system call; undefined where koffi has no build. */
async function nativeFlock(): Promise<Lock | undefined> {
  try {
    const { default: koffi } = await import('koffi');
    const flock = koffi.load(null).func('int flock(int fd, int operation)') as (
      fd: number,
      operation: number,
    ) => number;
    return fd => flock(fd, LOCK_EX | LOCK_NB) === 0;
  } catch {
    // The agent's log says it once, where netlink is chosen.
    return undefined;
  }
}

/** flock(1) of util-linux on the inherited file: the lock belongs to the open file, and so outlives the program. */
async function flockProgram(fd: number): Promise<boolean> {
  const child = spawn('flock', ['--exclusive', '--nonblock', '3'], { stdio: ['ignore', 'ignore', 'inherit', fd] });
  const [status] = (await once(child, 'exit')) as [number | null];
  return status === 0;
}
