import { renameSync, writeFileSync } from 'node:fs';
import { chmod, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { cniCodes, cniError } from '../../core/cni/error.ts';
import { messageOf } from '../../core/errors.ts';
import { type CheckpointEntry, entryKey, isEntry } from './entry.ts';
import { fileNameOf, isEntryFile, type LostAttachment, lostAttachment } from './fileName.ts';

type Identity = Pick<CheckpointEntry, 'containerId' | 'ifname'>;

/**
 * The attachments of this node, each in a file of its own. A file is written beside its final place and renamed: however this process
 * ends, each entry is there as a whole, in its old or its new form, or not at all.
 *
 * Links, addresses and routes end with the kernel, so an entry that names nothing else need not survive a power cut. Another plugin may keep
 * what it does on disk: entries that name plugins are flushed to disk before the plugin is called.
 */
export class Checkpoint {
  readonly #folder: string;
  readonly #logger: Logger;
  readonly #entries = new Map<string, CheckpointEntry>();
  /** By the names of their files. */
  readonly #lost = new Map<string, LostAttachment>();
  /** Makes names of unfinished files unique. */
  #writes = 0;

  private constructor(folder: string, logger: Logger) {
    this.#folder = folder;
    this.#logger = logger;
  }

  /** Reads what an earlier process left. Files that are no entries are reported and left where they are; unfinished ones are removed. */
  static async open(stateFolder: string, logger: Logger): Promise<Checkpoint> {
    const folder = folderIn(stateFolder);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
    const checkpoint = new Checkpoint(folder, logger);
    await checkpoint.#load();
    return checkpoint;
  }

  /** Removes all that a checkpoint has on the disk. */
  static async remove(stateFolder: string): Promise<void> {
    await rm(folderIn(stateFolder), { recursive: true, force: true });
  }

  get(containerId: string, ifname: string): CheckpointEntry | undefined {
    return this.#entries.get(entryKey({ containerId, ifname }));
  }

  /** Whether it is (still) its attachment's entry: each change of one makes another. */
  has(entry: CheckpointEntry): boolean {
    return this.#entries.get(entryKey(entry)) === entry;
  }

  /** All entries; live, so do not await while using it. */
  list(): IterableIterator<CheckpointEntry> {
    return this.#entries.values();
  }

  /** The entries that one CNI call made: several in chained mode. */
  ofCall(containerId: string, callIfname: string): CheckpointEntry[] {
    return [...this.#entries.values()].filter(
      entry => entry.containerId === containerId && entry.callIfname === callIfname,
    );
  }

  /** The other attachments of an entry's sandbox. */
  others({ containerId, ifname }: Identity): CheckpointEntry[] {
    return [...this.#entries.values()].filter(entry => entry.containerId === containerId && entry.ifname !== ifname);
  }

  /** Attachments whose files are no entries; not those whose names the files do not have. */
  lost(): readonly LostAttachment[] {
    return [...this.#lost.values()];
  }

  ofPod(uid: string): CheckpointEntry[] {
    return [...this.#entries.values()].filter(entry => entry.pod.uid === uid);
  }

  /** The attachments in a network namespace. */
  ofNamespace(netnsId: string | undefined): CheckpointEntry[] {
    return [...this.#entries.values()].filter(entry => entry.netnsId === netnsId);
  }

  /** When the call for the youngest attachment came, ms since 1970; 0 if there is none. */
  latestArrival(): number {
    return Math.max(0, ...[...this.#entries.values()].map(({ since }) => Date.parse(since) || 0));
  }

  /** Names on the host of the NICs that are in pods. */
  movedNics(): Set<string> {
    const links = [...this.#entries.values()].flatMap(entry => entry.links);
    return new Set(links.flatMap(({ moves, master }) => (moves && (moves.name ?? master)) ?? []));
  }

  /** Adds or replaces an entry. Once the promise has resolved, the entry survives this process. @throws CniError code 5 where it cannot be written */
  async put(entry: CheckpointEntry): Promise<void> {
    const fileName = fileNameOf(entry);
    const path = join(this.#folder, fileName);
    const unfinished = `${path}.${process.pid}-${this.#writes++}.tmp`;
    try {
      const text = `${JSON.stringify(entry)}\n`;
      if (outlivesKernel(entry)) {
        await writeDurably(unfinished, text);
        await rename(unfinished, path);
        await this.#syncFolder();
      } else {
        // Into the page cache, synchronously: some 50 µs, less than a single step by way of the thread pool.
        writeFileSync(unfinished, text, { mode: 0o600 });
        renameSync(unfinished, path);
      }
    } catch (cause) {
      await rm(unfinished, { force: true });
      const detail = `the attachment could not be recorded: ${messageOf(cause)}`;
      throw cniError(cniCodes.ioFailure, 'MNN_CHECKPOINT', detail, { cause });
    }
    this.#entries.set(entryKey(entry), entry);
    this.#lost.delete(fileName);
  }

  /** Removes an entry, if it is there. */
  async delete(entry: CheckpointEntry): Promise<void> {
    await this.#remove(fileNameOf(entry), outlivesKernel(entry));
    this.#entries.delete(entryKey(entry));
  }

  /** Removes the file of a lost attachment. */
  async deleteLost({ fileName }: LostAttachment): Promise<void> {
    await this.#remove(fileName, true);
    this.#lost.delete(fileName);
  }

  async #load(): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      if (name.endsWith('.tmp')) await rm(path, { force: true });
      else if (isEntryFile(name)) await this.#loadFile(name);
    }
  }

  async #loadFile(fileName: string): Promise<void> {
    const path = join(this.#folder, fileName);
    const entry = await this.#readEntry(path);
    if (entry) {
      this.#entries.set(entryKey(entry), entry);
      if (fileName !== fileNameOf(entry)) await rename(path, join(this.#folder, fileNameOf(entry)));
    } else {
      const lost = lostAttachment(fileName);
      if (lost) this.#lost.set(fileName, lost);
    }
  }

  async #readEntry(path: string): Promise<CheckpointEntry | undefined> {
    let entry: unknown;
    try {
      entry = JSON.parse(await readFile(path, 'utf8'));
    } catch (error) {
      this.#logger.warn({ path, err: error }, 'checkpoint: a file is not whole; ignored');
      return undefined;
    }
    if (isEntry(entry)) return entry;
    this.#logger.warn({ path }, 'checkpoint: a file is not of this version; ignored');
    return undefined;
  }

  async #remove(fileName: string, durably: boolean): Promise<void> {
    await rm(join(this.#folder, fileName), { force: true });
    if (durably) await this.#syncFolder();
  }

  /** A rename or removal is durable once the folder is. */
  async #syncFolder(): Promise<void> {
    const folder = await open(this.#folder, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}

function folderIn(stateFolder: string): string {
  return join(stateFolder, 'attachments');
}

/** Whether, as far as is known, something of the attachment may still be there after a reboot. */
function outlivesKernel({ links }: CheckpointEntry): boolean {
  return links.some(({ delegate, chain }) => delegate !== undefined || chain !== undefined);
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
