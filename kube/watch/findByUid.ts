import type { KubeObject } from '../api/types.ts';
import type { ObjectCache } from './objectCache.ts';

/**
 * Makes a function that finds a cache's objects by their UIDs. It hears of changes before those who listen to the cache later, who may
 * therefore use it.
 */
export function findByUid<T extends KubeObject>(
  cache: Pick<ObjectCache<T>, 'addHandlers'>,
): (uid: string) => T | undefined {
  const found = new Map<string, T>();
  const keep = (object: T): void => {
    if (object.metadata.uid !== undefined) found.set(object.metadata.uid, object);
  };
  cache.addHandlers({
    added: keep,
    updated: keep,
    deleted: ({ metadata: { uid = '' } }) => {
      found.delete(uid);
    },
  });
  return uid => found.get(uid);
}
