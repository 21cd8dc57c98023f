import { keyOf, type KubeObject, type ObjectRef } from '../api/types.ts';
import type { Runnable } from '../process/lifecycle.ts';
import { type Change, type InformerHandlers, notify } from './informerHandlers.ts';
import { Reflector, type ReflectorOptions } from './reflector.ts';
import { deepFreeze, type IndexFunction, Store } from './store.ts';

export interface InformerOptions<T extends KubeObject, Index extends string = never> extends Omit<
  ReflectorOptions<T>,
  'name' | 'transform'
> {
  /** Shown in logs and metrics. Default: the resource's plural. */
  readonly name?: string;
  /** Trims an object before it is frozen and kept; managedFields are gone by then. */
  readonly transform?: ((object: T) => T) | undefined;
  /** Functions that give the keys under which by() finds an object. */
  readonly indexers?: Readonly<Record<Index, IndexFunction<T>>>;
}

/**
 * Keeps a copy of some of the API server's objects and tells its handlers what changes: lists, watches from there on, and lists
 * again when the watch cannot go on. Nothing that was missed in between is lost: each list is compared with the copy, so
 * whatever has disappeared is reported as deleted. Objects are frozen; copy one to change it.
 *
 * It never gives up: every failure is logged and tried again with back-off, even that the resource is not installed yet.
 */
export class Informer<T extends KubeObject, Index extends string = never> implements Runnable {
  readonly name: string;
  readonly #options: InformerOptions<T, Index>;
  readonly #store: Store<T, Index>;
  readonly #handlers = new Set<InformerHandlers<T>>();
  readonly #synced = Promise.withResolvers<void>();
  #hasSynced = false;
  #started = false;

  constructor(options: InformerOptions<T, Index>) {
    this.#options = options;
    this.name = options.name ?? options.resource.plural;
    this.#store = new Store(options.indexers ?? ({} as Record<Index, IndexFunction<T>>));
  }

  /** Whether the copy has ever been complete. It may lag while the API server is away. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Resolves when the copy is complete for the first time, and the handlers have been called. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  /** For runAll(): whatever is started after this informer finds a complete copy. */
  ready(): Promise<void> {
    return this.synced;
  }

  get size(): number {
    return this.#store.size;
  }

  /** One object, by its reference or its key (`namespace/name`). */
  get(ref: ObjectRef | string): T | undefined {
    return this.#store.get(typeof ref === 'string' ? ref : keyOf(ref));
  }

  /** All objects, without a copy: the iterator is live, so do not await while using it. */
  list(): IterableIterator<T> {
    return this.#store.values();
  }

  /** The objects of one index key, without a copy: the iterator is live, so do not await while using it. */
  by(index: Index, key: string): IterableIterator<T> {
    return this.#store.by(index, key);
  }

  /**
   * Tells the handlers of every change from now on; first it tells them of each object that is there already, as added.
   *
   * @returns a function that removes the handlers
   */
  addHandlers(handlers: InformerHandlers<T>): () => void {
    for (const object of [...this.#store.values()]) {
      notify(handlers, { type: 'added', object }, this.#options.logger);
    }
    this.#handlers.add(handlers);
    return () => {
      this.#handlers.delete(handlers);
    };
  }

  /** Watches until the signal aborts. The copy stays readable afterwards. An informer is started once. */
  async start(signal: AbortSignal): Promise<void> {
    if (this.#started) throw new Error(`informer ${this.name} was started before`);
    this.#started = true;
    const { transform } = this.#options;
    const reflector = new Reflector<T>(
      {
        ...this.#options,
        name: this.name,
        transform: object => {
          delete (object.metadata as { managedFields?: unknown }).managedFields;
          return deepFreeze(transform ? transform(object) : object);
        },
      },
      {
        replace: objects => {
          this.#replace(objects);
        },
        set: object => {
          this.#tell(this.#set(object));
        },
        delete: object => {
          // The event carries the last state, which is newer than the copy.
          if (this.#store.delete(keyOf(object.metadata))) this.#tell([{ type: 'deleted', object }]);
        },
      },
    );
    await reflector.run(signal);
  }

  #replace(objects: T[]): void {
    const gone = new Set(this.#store.keys());
    const changes: Change<T>[] = [];
    for (const object of objects) {
      gone.delete(keyOf(object.metadata));
      changes.push(...this.#set(object));
    }
    for (const key of gone) {
      const object = this.#store.delete(key);
      if (object) changes.push({ type: 'deleted', object });
    }
    this.#tell(changes);
    this.#hasSynced = true;
    this.#synced.resolve();
  }

  #set(object: T): Change<T>[] {
    const previous = this.#store.get(keyOf(object.metadata));
    // resourceVersions are opaque, but equal ones mean the same state.
    if (previous?.metadata.resourceVersion === object.metadata.resourceVersion && previous) return [];
    this.#store.set(object);
    if (!previous) return [{ type: 'added', object }];
    if (previous.metadata.uid === object.metadata.uid) return [{ type: 'updated', object, previous }];
    return [
      { type: 'deleted', object: previous },
      { type: 'added', object },
    ];
  }

  #tell(changes: Iterable<Change<T>>): void {
    for (const change of changes) {
      for (const handlers of this.#handlers) notify(handlers, change, this.#options.logger);
    }
  }
}
