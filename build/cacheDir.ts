import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { withLock } from './lock.ts';

/** Where everything that is slow to get is kept between runs, outside the clone: `${XDG_CACHE_HOME:-~/.cache}/multi-nic`. */
export function cacheRoot(): string {
  const configured = process.env.XDG_CACHE_HOME;
  return join(configured === undefined || configured === '' ? join(homedir(), '.cache') : configured, 'multi-nic');
}

/**
 * The directory `name` of the cache, created by `fill` if it is missing. It appears whole or not at all: `fill` works in a directory
 * beside it that is renamed at the end, under a lock, so that any number of processes may ask at once and any of them may be killed.
 * @param name one path element that says everything the content depends on (a version, a hash): what is there is never renewed
 * @param fill makes the content in the directory that it is given (absolute, empty)
 * @returns the absolute path of the directory
 */
export async function cached(name: string, fill: (directory: string) => Promise<void>): Promise<string> {
  const root = cacheRoot();
  const wanted = join(root, name);
  if (existsSync(wanted)) return wanted;
  await mkdir(root, { recursive: true });
  await withLock(join(root, `.${name}.lock`), async () => {
    if (existsSync(wanted)) return; // another process made it meanwhile
    const partial = join(root, `.${name}.partial`);
    await rm(partial, { recursive: true, force: true }); // left by a process that was killed here
    await mkdir(partial);
    await fill(partial);
    await rename(partial, wanted);
  });
  return wanted;
}
