import { access, chmod, constants, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { cniType } from '../../core/api/names.ts';
import { messageOf } from '../../core/errors.ts';
import { orUndefined } from '../base/systemErrors.ts';
import { replaceFile } from './replaceFile.ts';

const mode = 0o755;

/**
 * Installs the CNI executable into the folder where runtimes look for plugins. If the same one is there already it is left alone, so the folder
 * may be read-only; another one is replaced as a whole, so that a runtime never starts half a program.
 * @returns whether something was written
 * @throws Error that says why no runtime could start it from there
 */
export async function installExecutable(source: string, folder: string): Promise<boolean> {
  const target = join(folder, cniType);
  const program = await readFile(source);
  const present = await orUndefined(readFile(target));
  const isNew = !present?.equals(program);
  try {
    if (isNew) {
      await mkdir(folder, { recursive: true });
      await replaceFile(target, program, mode);
    } else if (((await stat(target)).mode & 0o777) !== mode) await chmod(target, mode);
  } catch (cause) {
    const detail = `${messageOf(cause)}. Make the folder writable, or choose another one`;
    throw new Error(`The CNI executable cannot be installed: ${detail}`, { cause });
  }
  await mayBeStarted(target);
  return isNew;
}

/** access(2): EACCES even for root if the file system is mounted noexec. */
async function mayBeStarted(path: string): Promise<void> {
  try {
    await access(path, constants.X_OK);
  } catch (cause) {
    throw new Error(`No runtime can start ${path}: its file system is mounted noexec`, { cause });
  }
}

/** Removes the CNI executable, if it is there. */
export async function removeExecutable(folder: string): Promise<void> {
  await rm(join(folder, cniType), { force: true });
}
