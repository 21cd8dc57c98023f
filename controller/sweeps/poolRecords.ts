import type { Allocation, AllocationState, IPPool } from '../../core/api/types.ts';
import { isMultiNicError } from '../../core/errors.ts';
import { recordsIn } from '../../core/pool/content.ts';
import type { LeaderContext } from '../context/leaderContext.ts';

type Logging = Pick<LeaderContext, 'logger'>;

/** Names of pools that were logged: sweeps come every few seconds, so once is enough; the audit reports them as long as they are unreadable. */
const told = new Set<string>();

/** The pool's records in that state; none if it cannot be read, which is logged and keeps no other pool from being swept. */
export function poolRecords(context: Logging, pool: IPPool, state: AllocationState): Allocation[] {
  try {
    return recordsIn(pool, state);
  } catch (error) {
    tellUnreadable(context, pool.metadata.name, error);
    return [];
  }
}

/**
 * Waits for the change of a pool. A pool that cannot be read, because of any of its lines, keeps no other pool from being swept.
 * @returns whether it was changed
 */
export async function isChanged(context: Logging, pool: string, change: Promise<unknown>): Promise<boolean> {
  try {
    await change;
    return true;
  } catch (error) {
    tellUnreadable(context, pool, error);
    return false;
  }
}

/** @throws the error if it is another one */
function tellUnreadable({ logger }: Logging, pool: string, error: unknown): void {
  if (!isMultiNicError(error) || error.code !== 'MNN_POOL_UNREADABLE') throw error;
  if (!told.has(pool)) logger.error({ err: error, pool }, 'the pool cannot be read, and is not swept');
  told.add(pool);
}
