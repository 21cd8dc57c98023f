import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Writes a file beside its final place, flushes it to disk and renames it into place: whoever opens it there, even after a power cut, gets
 * the whole old or the whole new file. Its temporary name begins with a dot, as container runtimes ignore such names.
 * @param mode permission bits
 */
export async function replaceFile(path: string, content: Uint8Array | string, mode: number): Promise<void> {
  const folder = dirname(path);
  const unfinished = join(folder, `.${basename(path)}.${process.pid}`);
  try {
    await flushed(unfinished, 'w', async file => {
      await file.writeFile(content);
      await file.chmod(mode);
    });
    await rename(unfinished, path);
    await flushed(folder, 'r');
  } finally {
    await rm(unfinished, { force: true });
  }
}

type FileHandle = Awaited<ReturnType<typeof open>>;

async function flushed(path: string, flags: string, work?: (file: FileHandle) => Promise<void>): Promise<void> {
  await using file = await open(path, flags);
  await work?.(file);
  await file.sync();
}
