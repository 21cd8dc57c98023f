import { MultiNicError } from '../../core/errors.ts';

/** A pool was not written in time, as far as the caller knows: a request that is under way may still succeed. */
export class PoolDeadlineError extends MultiNicError {
  readonly pool: string;

  constructor(pool: string, cause: unknown) {
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    super('MNN_DEADLINE', `pool ${pool} could not be written in time${why}`, { cause });
    this.pool = pool;
  }
}
