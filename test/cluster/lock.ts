import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Runs a function while holding an exclusive lock (flock(2)) on a file. The kernel releases it with the holder: a helper
 * process that ends when its standard input closes, so also when this process is killed.
 * @param onWait called once when another process has the lock.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, onWait?: () => void): Promise<T> {
  const release = (await acquire(path, ['-n'])) ?? (onWait?.(), await acquire(path, []));
  if (release === undefined) throw new Error(`Cannot lock ${path}`);
  try {
    return await work();
  } finally {
    await release();
  }
}

/** Returns the function that releases the lock, or undefined when it was not to be had. */
async function acquire(path: string, flags: readonly string[]): Promise<(() => Promise<void>) | undefined> {
  const holder = spawn('flock', [...flags, path, 'sh', '-c', 'echo locked; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  const ended = once(holder, 'close');
  const locked = await Promise.race([once(holder.stdout, 'data').then(() => true), ended.then(() => false)]);
  if (!locked) return undefined;
  return async () => {
    holder.stdin.end();
    await ended;
  };
}
