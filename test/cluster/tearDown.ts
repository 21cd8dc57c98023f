import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../build/run.ts';
import { hostLink } from './addressing.ts';
import { cgroupProcesses, removeCgroups } from './cgroups.ts';
import { killNow, markedProcesses } from './processes.ts';
import type { SlotRecord } from './slots.ts';

/**
 * Removes all that a cluster may have left, in whatever state it ended; may itself be interrupted and repeated. Network
 * namespaces, mounts, bridges and links to nodes need nothing: the kernel removes them with the last process inside.
 */
export async function tearDown(record: SlotRecord, folder: string): Promise<void> {
  const cgroup = cgroupName(record.slot);
  for (;;) {
    const alive = [...new Set([...markedProcesses(record.mark), ...cgroupProcesses(cgroup)])];
    if (alive.length === 0) break;
    alive.forEach(killNow);
    await sleep(20);
  }
  const link = hostLink(record.slot);
  if ((await run(['ip', 'link', 'show', 'dev', link], { allowFailure: true })).code === 0) {
    // the kernel may be removing it right now, together with its namespace
    await run(['ip', 'link', 'delete', 'dev', link], { allowFailure: true });
  }
  await removeCgroups(cgroup);
  for (const path of [...record.folders, folder]) rmSync(path, { recursive: true, force: true, maxRetries: 5 });
}

/** The cgroup under which all pods of a cluster run, in every hierarchy. */
export function cgroupName(slot: number): string {
  return `multi-nic-test-${slot}`;
}
