import type { Allocation, AllocationState, IPPool } from '../../core/api/types.ts';
import { recordsIn } from '../../core/pool/content.ts';
import type { LeaderContext } from '../context/leaderContext.ts';

type Reporting = Pick<LeaderContext, 'unreadable'>;

/** The pool's records in that state; none if it cannot be read, which is reported and keeps no other pool from being swept. */
export function poolRecords({ unreadable }: Reporting, pool: IPPool, state: AllocationState): Allocation[] {
  try {
    return recordsIn(pool, state);
  } catch (error) {
    unreadable.report(pool.metadata.name, error);
    return [];
  }
}

/**
 * Waits for the change of a pool. A pool that cannot be read, because of any of its lines, keeps no other pool from being swept.
 * @returns whether it was changed
 */
export async function isChanged({ unreadable }: Reporting, pool: string, change: Promise<unknown>): Promise<boolean> {
  try {
    await change;
    return true;
  } catch (error) {
    unreadable.report(pool, error);
    return false;
  }
}
