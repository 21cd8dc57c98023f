import { type FSWatcher, watch } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { chainedFile, chainedList, primaryFile } from '../../core/cni/chainedList.ts';
import { messageOf } from '../../core/errors.ts';
import type { Runnable } from '../../kube/process/lifecycle.ts';
import { SingleWork } from '../../kube/process/singleWork.ts';
import type { WorkQueueObserver } from '../../kube/process/workQueue.ts';
import { replaceFile } from './replaceFile.ts';

export interface ChainedNetworkOptions {
  /** Where the runtime finds its networks, for example /etc/cni/net.d. */
  readonly folder: string;
  readonly logger: Logger;
  readonly observer?: WorkQueueObserver;
}

/** How often the folder is read even if the kernel reports no change, ms. */
const pollMs = 10_000;

/**
 * Keeps a copy of the node's primary network that has the CNI executable behind its plugins, and whose name puts it first for runtimes: pods get
 * their NICs without Multus, and nobody else's file is changed. The copy follows the primary network, and disappears with it. When this agent
 * ends the copy stays, so that pods that start meanwhile wait for the next agent, unless that will make none (uninstall.ts).
 */
export class ChainedNetwork implements Runnable {
  readonly name = 'chained network';
  readonly #options: ChainedNetworkOptions;
  readonly #work: SingleWork;

  constructor(options: ChainedNetworkOptions) {
    this.#options = options;
    const { logger, observer } = options;
    this.#work = new SingleWork({ name: this.name, logger, observer, handler: () => this.#reconcile() });
  }

  async start(signal: AbortSignal): Promise<void> {
    const watcher = this.#watch();
    try {
      await this.#work.start(signal);
    } finally {
      watcher?.close();
    }
  }

  async #reconcile(): Promise<{ requeueAfterMs: number }> {
    const { folder, logger } = this.#options;
    const written = await followPrimary(folder);
    if (written !== undefined) logger.info({ folder, file: chainedFile, primary: written }, 'primary network chained');
    return { requeueAfterMs: pollMs };
  }

  #watch(): FSWatcher | undefined {
    const { folder, logger } = this.#options;
    const onError = (err: unknown): void => {
      logger.warn({ folder, err }, 'the folder cannot be watched: polling it for changes');
    };
    try {
      return watch(folder, { persistent: false }, () => {
        this.#work.trigger();
      }).on('error', onError);
    } catch (error) {
      onError(error);
      return undefined;
    }
  }
}

/** Removes the copy of the primary network: runtimes go back to the original at once. */
export async function removeChainedNetwork(folder: string): Promise<void> {
  await rm(join(folder, chainedFile), { force: true });
}

/**
 * Writes the copy if it differs.
 * @returns the primary network's file, where something was written
 * @throws Error where the primary network cannot be read or chained; what was written before stays
 */
async function followPrimary(folder: string): Promise<string | undefined> {
  const names = await readdir(folder);
  const primary = primaryFile(names);
  const path = join(folder, chainedFile);
  const present = names.includes(chainedFile) ? await readFile(path, 'utf8') : '';
  const wanted = primary === undefined ? undefined : await chainedCopy(join(folder, primary), present);
  if (wanted === undefined) {
    await removeChainedNetwork(folder);
    return undefined;
  }
  if (isSame(present, wanted)) return undefined;
  await replaceFile(path, wanted, 0o600);
  return primary;
}

/** Whether both say the same: others who write into the file have a layout of their own. */
function isSame(present: string, wanted: string): boolean {
  try {
    return present === wanted || isDeepStrictEqual(JSON.parse(present), JSON.parse(wanted));
  } catch {
    return false;
  }
}

async function chainedCopy(path: string, present: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8');
  try {
    return chainedList(text, present);
  } catch (cause) {
    throw new Error(`${path} cannot be chained: ${messageOf(cause)}`, { cause });
  }
}
