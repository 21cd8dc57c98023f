import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from './cluster.ts';
import { isAlive } from './processes.ts';
import { isInUse, readSlots, type SlotRecord } from './slots.ts';

/** Programs that hold a cluster until they are told to end it, in the foreground or in the background. */

/**
 * Resolves with the first signal that asks this process to end, which no longer ends it by itself. Whatever it holds then is in its
 * hands.
 */
export async function terminationRequested(): Promise<void> {
  await Promise.race(['SIGINT', 'SIGTERM', 'SIGHUP'].map(signal => once(process, signal)));
}

/**
 * Holds what `start` makes until this process is asked to end, then ends it and the process. One that is still being made, or whose
 * making fails, ends with the process: clusters do.
 */
export async function hold(start: () => Promise<Cluster>): Promise<never> {
  const ended = terminationRequested();
  const alive = setInterval(() => undefined, 60_000);
  // Whoever started this in the background reads no further.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const cluster = await Promise.race([start(), ended.then(() => undefined)]);
  if (cluster) {
    if (process.connected) {
      process.send?.('ready');
      process.disconnect();
    }
    await ended;
    await cluster.stop();
  }
  clearInterval(alive);
  process.exit();
}

/**
 * Runs a script that holds a cluster (see hold) in the background, and shows what it prints until it is ready. It keeps no pipe of ours
 * open, so whoever reads our output sees its end. A signal meanwhile ends both.
 * @returns whether it is ready; else it has ended, and has said why
 */
export async function holdInBackground(script: string, args: readonly string[]): Promise<boolean> {
  const holder = spawn(process.execPath, [script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  });
  holder.stdout?.pipe(process.stdout, { end: false });
  holder.stderr?.pipe(process.stderr, { end: false });
  void terminationRequested().then(() => holder.kill('SIGTERM'));
  const ready = once(holder, 'message').then(() => true);
  const exited = once(holder, 'exit').then(() => false);
  const isReady = await Promise.race([ready, exited]);
  await sleep(100); // what it printed is on its way
  holder.stdout?.destroy();
  holder.stderr?.destroy();
  holder.unref();
  return isReady;
}

/** Clusters that processes of this script hold. Those of tests are left alone. */
export function heldBy(script: string): SlotRecord[] {
  return readSlots().filter(
    record =>
      isAlive(record.owner) && readFileSync(`/proc/${record.owner.pid}/cmdline`, 'utf8').split('\0').includes(script),
  );
}

/** Has the holders end their clusters, and waits until nothing is left of them. */
export async function endHeld(records: readonly SlotRecord[]): Promise<void> {
  for (const { owner } of records) if (isAlive(owner)) process.kill(owner.pid, 'SIGTERM');
  while (records.some(isInUse)) await sleep(50);
}
