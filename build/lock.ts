import { spawn } from 'node:child_process';

/**
 * Does `work` under an exclusive lock on `file` (made when missing), waiting as long as another process holds it. The kernel frees it
 * when this process ends, however it ends: util-linux's `flock` holds it for as long as its standard input, a pipe from here, is open.
 * @throws Error when `flock` is missing or cannot open the file
 */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const holder = spawn('flock', ['--exclusive', file, 'sh', '-c', 'echo locked; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>(resolve => {
    holder.once('close', () => resolve());
  });
  await new Promise<void>((resolve, reject) => {
    holder.once('error', reject);
    holder.stdout.once('data', () => resolve());
    holder.once('close', code => reject(new Error(`flock ${file} ended with ${code} before it had the lock`)));
  });
  try {
    return await work();
  } finally {
    holder.stdin.end();
    await ended;
  }
}
