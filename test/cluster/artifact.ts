import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { withLock } from './lock.ts';

/** A line of progress for the person who waits. */
export type Progress = (line: string) => void;

/** Where built and downloaded programs are kept: outside the clone, for all clones of the user. */
export function cacheFolder(): string {
  const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'multi-nic');
  mkdirSync(folder, { recursive: true });
  return folder;
}

/**
 * Returns the cache's folder of that name, made by `build` if it is not there yet. It appears whole or not at all: the
 * build works in a folder beside it that is renamed at the end. Other processes wait; what a killed one left is removed.
 * @param name of the folder; it has to change whenever the result would.
 * @param what for the progress lines, for example "Kubernetes 1.20 from Debian's source".
 */
export async function ensureArtifact(
  name: string,
  what: string,
  progress: Progress,
  build: (folder: string) => Promise<void>,
): Promise<string> {
  const cache = cacheFolder();
  const folder = join(cache, name);
  if (existsSync(folder)) return folder;
  const onWait = (): void => progress(`Waiting for another process that makes ${what}`);
  return withLock(
    join(cache, `${name}.lock`),
    async () => {
      if (existsSync(folder)) return folder;
      const unfinished = `${name}.unfinished-`;
      for (const left of readdirSync(cache)) {
        if (left.startsWith(unfinished)) rmSync(join(cache, left), { recursive: true });
      }
      const work = join(cache, `${unfinished}${process.pid}`);
      mkdirSync(work);
      const start = performance.now();
      progress(`Making ${what}, once for this machine, in ${folder}`);
      await build(work);
      renameSync(work, folder);
      progress(`Made ${what} in ${((performance.now() - start) / 1000).toFixed(0)} s`);
      return folder;
    },
    onWait,
  );
}
