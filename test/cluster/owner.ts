import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { identify } from './processes.ts';
import { type SlotRecord, writeRecord } from './slots.ts';

/**
 * Starts the process that tears the cluster down when this one ends, and notes it in the record.
 * @returns a function that has it done now, and waits.
 */
export function startReaper(record: SlotRecord): () => Promise<void> {
  const reaper = spawn(process.execPath, [join(import.meta.dirname, 'reaper.ts'), String(record.slot)], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
  });
  const ended = once(reaper, 'exit');
  const identity = identify(reaper.pid ?? 0);
  if (identity === undefined) throw new Error('The reaper of the cluster ended as soon as it started');
  record.reaper = identity;
  writeRecord(record);
  reaper.unref(); // a program that forgets to stop its cluster can still end, and the cluster with it
  return async () => {
    reaper.ref();
    reaper.stdin.end();
    await ended;
  };
}
