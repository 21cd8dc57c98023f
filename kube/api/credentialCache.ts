import { messageOf } from '../../core/errors.ts';
import type { Connection, Credentials } from './connection.ts';
import { TransportError } from './errors.ts';

/** Milliseconds that credentials are used before they are read again (the kubelet renews tokens long before they expire). */
const ttlMs = 60_000;

export interface CredentialCache {
  /** The current credentials, read again once they are a minute old. */
  get(): Promise<Credentials>;
  /** Makes the next get() read them again: the API server did not accept these. */
  expire(): void;
}

/**
 * Keeps a connection's credentials for a minute. If reading fails (a file is just being replaced), the previous ones stay
 * in use, as they may well still be good, and the next call reads again.
 */
export function cacheCredentials(connection: Connection): CredentialCache {
  let current: Credentials | undefined;
  let reading: Promise<Credentials> | undefined;
  let readAt = -Infinity;

  async function read(): Promise<Credentials> {
    try {
      current = await connection.credentials();
      readAt = performance.now();
      return current;
    } catch (error) {
      if (current) return current;
      const message = `the credentials for the API server cannot be read: ${messageOf(error)}`;
      throw new TransportError('connection', message, { cause: error });
    } finally {
      reading = undefined;
    }
  }

  return {
    async get() {
      if (current && performance.now() - readAt < ttlMs) return current;
      return (reading ??= read());
    },
    expire() {
      readAt = -Infinity;
    },
  };
}
