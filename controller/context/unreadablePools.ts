import type { Logger } from 'pino';
import { isMultiNicError } from '../../core/errors.ts';

/** Logs the pools that cannot be read, once each: sweeps come every few seconds, and the audit reports such a pool for as long as it is unreadable. */
export class UnreadablePools {
  readonly #logger: Logger;
  readonly #logged = new Set<string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Takes an error that came of a pool. @throws the error if the pool can be read */
  report(pool: string, error: unknown): void {
    if (!isMultiNicError(error) || error.code !== 'MNN_POOL_UNREADABLE') throw error;
    if (!this.#logged.has(pool)) this.#logger.error({ err: error, pool }, 'the pool cannot be read, and is not swept');
    this.#logged.add(pool);
  }
}
