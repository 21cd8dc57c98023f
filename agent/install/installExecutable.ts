import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cniType } from '../../core/api/names.ts';
import { replaceFile } from './replaceFile.ts';

const mode = 0o755;

/**
 * Installs the CNI executable into the folder where runtimes look for plugins. One that is there already and the same is left alone; another
 * is replaced whole, so that a runtime never starts half a program.
 * @returns whether something was written
 */
export async function installExecutable(source: string, folder: string): Promise<boolean> {
  const target = join(folder, cniType);
  const program = await readFile(source);
  if (digestOf(program) === (await digestIfThere(target))) {
    await chmod(target, mode);
    return false;
  }
  await mkdir(folder, { recursive: true });
  await replaceFile(target, program, mode);
  return true;
}

/** Takes the CNI executable away; one that is not there is none to take. */
export async function removeExecutable(folder: string): Promise<void> {
  await rm(join(folder, cniType), { force: true });
}

async function digestIfThere(path: string): Promise<string | undefined> {
  try {
    return digestOf(await readFile(path));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function digestOf(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
