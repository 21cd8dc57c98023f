import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { cniCodes } from '../../core/cni/error.ts';
import { isPluginName } from '../../core/delegate/pluginName.ts';
import { errorTable } from '../../core/errors.ts';
import { PluginError } from './pluginError.ts';

/**
 * The executable of a plugin type: the first of that name in the folders (CNI 1.1, section 2 "CNI_PATH").
 * @throws CniError code 103 naming the folders that were searched
 */
export async function findPlugin(type: string, folders: readonly string[]): Promise<string> {
  if (!isPluginName(type)) throw missing(type, 'not a possible name of an executable', folders);
  for (const folder of folders) {
    const path = join(folder, type);
    if (await isExecutable(path)) return path;
  }
  throw missing(type, 'not there', folders);
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false; // whatever the reason, the next folder may have it; the error names all
  }
}

function missing(type: string, what: string, folders: readonly string[]): PluginError {
  const words = `the CNI plugin "${type}" is ${what} (searched in ${folders.join(', ') || 'no folder'})`;
  const details = `MNN_DELEGATE_MISSING: ${errorTable.MNN_DELEGATE_MISSING}`;
  return new PluginError(cniCodes.delegateFailed, words, details, { words });
}
