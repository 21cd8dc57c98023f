import type { Allocation, AllocationState, IPPool } from '../../core/api/types.ts';
import { recordsIn } from '../../core/pool/content.ts';
import type { LeaderContext } from '../context/leaderContext.ts';

/** By object, which is one version of a pool: sweeps come every few seconds, and to say it once of each is enough. */
const told = new WeakSet<IPPool>();

/** The pool's records in a state; none where it cannot be read, which is told and keeps no other pool from being swept. */
export function poolRecords(
  { logger }: Pick<LeaderContext, 'logger'>,
  pool: IPPool,
  state: AllocationState,
): Allocation[] {
  try {
    return recordsIn(pool, state);
  } catch (error) {
    if (!told.has(pool))
      logger.error({ err: error, pool: pool.metadata.name }, 'the pool cannot be read, and is not swept');
    told.add(pool);
    return [];
  }
}
