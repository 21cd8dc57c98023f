import type { Check } from './healthServer.ts';

/** What a readiness check of informers needs to see of each. */
export interface Synced {
  readonly name: string;
  readonly hasSynced: boolean;
}

/** Passes when every informer's copy was complete once. */
export function informersSynced(informers: Iterable<Synced>): Check {
  return () => {
    const missing = [...informers].filter(({ hasSynced }) => !hasSynced).map(({ name }) => name);
    return missing.length === 0 || `not read yet from the API server: ${missing.join(', ')}`;
  };
}
