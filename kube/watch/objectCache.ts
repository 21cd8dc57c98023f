import type { Logger } from 'pino';
import { keyOf, type KubeObject, type ObjectRef } from '../api/types.ts';
import { type Change, type InformerHandlers, notify } from './informerHandlers.ts';
import type { Sink } from './reflector.ts';

export interface ObjectCacheOptions {
  /** Told of handlers that fail. */
  readonly logger: Logger;
}

/**
 * A copy of some of the API server's objects, which tells its handlers what changes in it. Objects are shared by all who read them: copy one to
 * change it.
 */
export class ObjectCache<T extends KubeObject> implements Sink<T> {
  readonly #logger: Logger;
  /** By `namespace/name`. */
  readonly #objects = new Map<string, T>();
  readonly #handlers = new Set<InformerHandlers<T>>();
  readonly #synced = Promise.withResolvers<void>();
  #hasSynced = false;

  constructor({ logger }: ObjectCacheOptions) {
    this.#logger = logger;
  }

  /** Whether the copy has ever been complete. It may lag while the API server is away. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Resolves when the copy is complete for the first time, and the handlers have been called. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  get size(): number {
    return this.#objects.size;
  }

  /** One object, by its reference or its key (`namespace/name`). */
  get(ref: ObjectRef | string): T | undefined {
    return this.#objects.get(typeof ref === 'string' ? ref : keyOf(ref));
  }

  /** All objects, without a copy: the iterator is live, so do not await while using it. */
  list(): IterableIterator<T> {
    return this.#objects.values();
  }

  /**
   * Tells the handlers of every change from now on; first it tells them of each object that is there already, as added.
   *
   * @returns a function that removes the handlers
   */
  addHandlers(handlers: InformerHandlers<T>): () => void {
    for (const object of [...this.#objects.values()]) notify(handlers, { type: 'added', object }, this.#logger);
    this.#handlers.add(handlers);
    return () => {
      this.#handlers.delete(handlers);
    };
  }

  /** These are all the objects that there are. Whatever has disappeared is reported as deleted. */
  replace(objects: readonly T[]): void {
    const gone = new Set(this.#objects.keys());
    const changes: Change<T>[] = [];
    for (const object of objects) {
      gone.delete(keyOf(object.metadata));
      changes.push(...this.#put(object));
    }
    for (const key of gone) {
      const object = this.#objects.get(key);
      this.#objects.delete(key);
      if (object) changes.push({ type: 'deleted', object });
    }
    this.#tell(changes);
    this.#hasSynced = true;
    this.#synced.resolve();
  }

  /** The object has been added or changed. */
  set(object: T): void {
    this.#tell(this.#put(object));
  }

  /** The object has been deleted. @param object its last state, which is newer than the copy */
  delete(object: T): void {
    if (this.#objects.delete(keyOf(object.metadata))) this.#tell([{ type: 'deleted', object }]);
  }

  #put(object: T): Change<T>[] {
    const key = keyOf(object.metadata);
    const previous = this.#objects.get(key);
    // resourceVersions are opaque, but equal ones mean the same state.
    if (previous?.metadata.resourceVersion === object.metadata.resourceVersion && previous) return [];
    this.#objects.set(key, object);
    if (!previous) return [{ type: 'added', object }];
    if (previous.metadata.uid === object.metadata.uid) return [{ type: 'updated', object, previous }];
    return [
      { type: 'deleted', object: previous },
      { type: 'added', object },
    ];
  }

  #tell(changes: Iterable<Change<T>>): void {
    for (const change of changes) {
      for (const handlers of this.#handlers) notify(handlers, change, this.#logger);
    }
  }
}
