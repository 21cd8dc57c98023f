import type { Check } from './healthServer.ts';

/** What the readiness check needs of each informer. */
export interface Synced {
  readonly name: string;
  readonly hasSynced: boolean;
}

/** Passes once every informer's copy has been complete. */
export function informersSynced(informers: Iterable<Synced>): Check {
  return () => {
    const missing = [...informers].filter(({ hasSynced }) => !hasSynced).map(({ name }) => name);
    return missing.length === 0 || `not read yet from the API server: ${missing.join(', ')}`;
  };
}
