import type { Allocation } from '../../core/api/types.ts';
import type { LeaderContext } from '../leaderContext.ts';
import { releaseTimeoutMs } from './limits.ts';
import type { PodFates } from './podFates.ts';
import { poolRecords } from './poolRecords.ts';

/** Releases what finished or deleted pods held in the pages of node-independent networks; no agent owns those. */
export async function sweepPages(
  context: LeaderContext,
  fates: PodFates,
  graceMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { informers, pools, log } = context;
  const pages = [...informers.pools.list()].filter(({ spec }) => spec.hostName === undefined);
  const due = pages.map(pool => ({
    pool: pool.metadata.name,
    records: poolRecords(context, pool, 'Allocated').filter(record => isDue(record, graceMs)),
  }));
  const records = due.flatMap(page => page.records);
  if (records.length === 0) return;
  await fates.look(records, signal);
  for (const { pool, records } of due) {
    const over = new Set<string>();
    for (const record of records) if (await fates.isOver(record, signal)) over.add(record.podUID);
    if (over.size === 0) continue;
    const isOver = ({ state, podUID }: Allocation): boolean => state === 'Allocated' && over.has(podUID);
    await pools.release(pool, isOver, { timeoutMs: releaseTimeoutMs });
    log.info({ pool, pods: over.size }, 'addresses of finished or deleted pods released');
  }
}

function isDue({ podUID, since }: Allocation, graceMs: number): boolean {
  return podUID !== '' && Date.now() - Date.parse(since) >= graceMs;
}
