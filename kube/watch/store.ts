import { keyOf, type KubeObject } from '../api/types.ts';

/** The index keys under which an object is found; with none it is left out of the index. */
export type IndexFunction<T> = (object: T) => Iterable<string>;

const nothing: ReadonlyMap<string, never> = new Map<string, never>();

/** Objects by `namespace/name`, and by the keys of any number of indexes, which follow every change. */
export class Store<T extends KubeObject, Index extends string = never> {
  readonly #objects = new Map<string, T>();
  readonly #indexers: [Index, IndexFunction<T>][];
  readonly #indexes = new Map<Index, Map<string, Map<string, T>>>();

  constructor(indexers: Readonly<Record<Index, IndexFunction<T>>>) {
    this.#indexers = Object.entries(indexers) as [Index, IndexFunction<T>][];
    for (const [name] of this.#indexers) this.#indexes.set(name, new Map());
  }

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  /** Keys of all objects; the iterator is live. */
  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  /** All objects, without a copy: the iterator is live, so do not await while using it. */
  values(): IterableIterator<T> {
    return this.#objects.values();
  }

  /** The objects of one index key, without a copy: the iterator is live, so do not await while using it. */
  by(index: Index, indexKey: string): IterableIterator<T> {
    return (this.#indexes.get(index)?.get(indexKey) ?? nothing).values();
  }

  /** Adds or replaces an object; returns the one that was there before. */
  set(object: T): T | undefined {
    const key = keyOf(object.metadata);
    const previous = this.#objects.get(key);
    if (previous) this.#unindex(key, previous);
    this.#objects.set(key, object);
    for (const [name, keysOf] of this.#indexers) {
      const index = this.#indexes.get(name);
      for (const indexKey of keysOf(object)) {
        const bucket = index?.get(indexKey) ?? new Map<string, T>();
        index?.set(indexKey, bucket.set(key, object));
      }
    }
    return previous;
  }

  /** Removes an object; returns what was there. */
  delete(key: string): T | undefined {
    const previous = this.#objects.get(key);
    if (!previous) return undefined;
    this.#unindex(key, previous);
    this.#objects.delete(key);
    return previous;
  }

  #unindex(key: string, object: T): void {
    for (const [name, keysOf] of this.#indexers) {
      const index = this.#indexes.get(name);
      for (const indexKey of keysOf(object)) {
        const bucket = index?.get(indexKey);
        bucket?.delete(key);
        if (bucket?.size === 0) index?.delete(indexKey);
      }
    }
  }
}

/** Freezes an object and all that it holds: what a store hands out is shared by everybody. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) deepFreeze<unknown>(part);
  return Object.freeze(value);
}
