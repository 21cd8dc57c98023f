import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withLock } from '../../build/lock.ts';
import { machineRoutes } from './addressing.ts';
import { anyOverlap, machineNetworks } from './machineNetworks.ts';
import { identify, isAlive, type ProcessIdentity } from './processes.ts';
import { tearDown } from './tearDown.ts';

/**
 * Every cluster on the machine has a slot: a number from which its ports, addresses and names follow, and a record of
 * what must be removed when it ends. Records outlive their cluster after a crash; the next start removes what they name.
 */
export interface SlotRecord {
  slot: number;
  name: string;
  /** The value of the mark that all processes of the cluster carry in their environment. */
  mark: string;
  /** The process that called startCluster. */
  owner: ProcessIdentity;
  /** The process that tears the cluster down when its owner ends. */
  reaper?: ProcessIdentity;
  /** Removed at the end, with all that is in them. */
  folders: string[];
  runFolder: string;
  /** Of the administrator; there once the API server answers. */
  kubeconfig?: string;
}

const slotCount = 59;

/** /run is emptied at boot, as everything that the records name is. */
function stateFolder(): string {
  const root = process.getuid?.() === 0;
  const folder = root ? '/run/multi-nic-test' : join(tmpdir(), `multi-nic-test-${process.getuid?.() ?? 'user'}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** The folder of a slot. */
export function slotFolder(slot: number): string {
  return join(stateFolder(), String(slot));
}

/** Tears down what dead runs left, then takes the first free slot for this process. */
export async function claimSlot(
  name: string,
  makeFolders: (slot: number) => Pick<SlotRecord, 'folders' | 'runFolder'>,
): Promise<SlotRecord> {
  const owner = identify(process.pid);
  if (owner === undefined) throw new Error('Cannot read /proc/self/stat');
  return withLock(join(stateFolder(), 'lock'), async () => {
    await tearDownDead();
    const taken = new Set(readSlots().map(record => record.slot));
    const machine = await machineNetworks();
    const slot = Array.from({ length: slotCount }, (_, index) => index + 1).find(
      number => !taken.has(number) && !anyOverlap(machineRoutes(number), machine),
    );
    if (slot === undefined) {
      throw new Error(
        `None of ${slotCount} slots for clusters is free, see ${stateFolder()} and this machine's routes`,
      );
    }
    const record: SlotRecord = { slot, name, owner, mark: randomUUID(), ...makeFolders(slot) };
    mkdirSync(slotFolder(slot), { recursive: true });
    writeRecord(record);
    return record;
  });
}

/** Removes what dead runs left on this machine; a start does so by itself. */
export async function sweep(): Promise<void> {
  await withLock(join(stateFolder(), 'lock'), tearDownDead);
}

async function tearDownDead(): Promise<void> {
  for (const record of readSlots()) if (!isInUse(record)) await tearDown(record, slotFolder(record.slot));
}

/** Replaces a slot's record at once, so that readers see the old or the new one. */
export function writeRecord(record: SlotRecord): void {
  const path = join(slotFolder(record.slot), 'record.json');
  writeFileSync(`${path}.new`, JSON.stringify(record, null, 2));
  renameSync(`${path}.new`, path);
}

/** The records of all clusters on this machine, also of dead ones. */
export function readSlots(): SlotRecord[] {
  const folder = stateFolder();
  return readdirSync(folder)
    .filter(name => /^\d+$/.test(name))
    .flatMap(name => {
      try {
        return [JSON.parse(readFileSync(join(folder, name, 'record.json'), 'utf8')) as SlotRecord];
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        return []; // being made, or being removed
      }
    });
}

/** Whether a cluster's owner runs, or its reaper still works. */
export function isInUse(record: SlotRecord): boolean {
  return isAlive(record.owner) || (record.reaper !== undefined && isAlive(record.reaper));
}
