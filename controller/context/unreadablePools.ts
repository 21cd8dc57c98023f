import type { Logger } from 'pino';
import { type ErrorCode, isMultiNicError } from '../../core/errors.ts';

const unreadable: ReadonlySet<ErrorCode> = new Set(['MNN_POOL_UNREADABLE', 'MNN_SCHEMA_REPLACED']);

/** Logs the pools that cannot be read, once each: sweeps come every few seconds, and the audit reports such a pool for as long as it is unreadable. */
export class UnreadablePools {
  readonly #logger: Logger;
  readonly #logged = new Set<string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Takes an error that came of a pool. @throws the error if the pool can be read */
  report(pool: string, error: unknown): void {
    if (!isMultiNicError(error) || !unreadable.has(error.code)) throw error;
    if (!this.#logged.has(pool)) this.#logger.error({ err: error, pool }, 'the pool cannot be read, and is not swept');
    this.#logged.add(pool);
  }
}
