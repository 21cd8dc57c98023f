/**
 * The process that outlives the owner of a cluster: `node reaper.ts SLOT`. Its standard input is a pipe from the owner;
 * when it closes, for whatever reason, the reaper tears the cluster down and ends.
 */
import { once } from 'node:events';
import { readSlots, slotFolder } from './slots.ts';
import { tearDown } from './tearDown.ts';

const slot = Number(process.argv[2]);

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.stdin.resume();
await once(process.stdin, 'close');

const record = readSlots().find(candidate => candidate.slot === slot);
if (record !== undefined) await tearDown(record, slotFolder(slot));
