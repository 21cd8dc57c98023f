import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cniType } from '../../core/api/names.ts';

/**
 * Installs the CNI executable into the folder where runtimes look for plugins. It is copied beside its place and renamed into it, so
 * that a runtime never starts half a program; one that is there already and the same is left alone.
 * @returns whether something was written
 */
export async function installExecutable(source: string, folder: string): Promise<boolean> {
  const target = join(folder, cniType);
  if ((await digestOf(source)) === (await digestIfThere(target))) return false;
  await mkdir(folder, { recursive: true });
  const unfinished = join(folder, `.${cniType}.${process.pid}`);
  try {
    await copyFile(source, unfinished);
    await chmod(unfinished, 0o755);
    await rename(unfinished, target);
  } finally {
    await rm(unfinished, { force: true });
  }
  return true;
}

async function digestIfThere(path: string): Promise<string | undefined> {
  try {
    return await digestOf(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function digestOf(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
