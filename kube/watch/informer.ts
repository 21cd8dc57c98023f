import type { KubeObject } from '../api/types.ts';
import type { Runnable } from '../process/lifecycle.ts';
import { deepFreeze } from './deepFreeze.ts';
import { ObjectCache } from './objectCache.ts';
import { Reflector, type ReflectorOptions } from './reflector.ts';

export interface InformerOptions<T extends KubeObject> extends Omit<ReflectorOptions<T>, 'name' | 'transform'> {
  /** Shown in logs and metrics. Default: the resource's plural. */
  readonly name?: string;
  /** Trims an object before it is frozen and kept; managedFields are gone by then. */
  readonly transform?: ((object: T) => T) | undefined;
}

/**
 * Keeps its copy as the API server has it: lists, watches from there on, and lists again when the watch cannot go on. Nothing that was missed
 * in between is lost: each list is compared with the copy. Objects are frozen.
 *
 * It never gives up: every failure is logged and tried again with back-off, even that the resource is not installed yet.
 */
export class Informer<T extends KubeObject> extends ObjectCache<T> implements Runnable {
  readonly name: string;
  readonly #options: InformerOptions<T>;
  #started = false;

  constructor(options: InformerOptions<T>) {
    super(options);
    this.#options = options;
    this.name = options.name ?? options.resource.plural;
  }

  /** For runAll(): whatever is started after this informer finds a complete copy. */
  ready(): Promise<void> {
    return this.synced;
  }

  /** Watches until the signal aborts. The copy stays readable afterwards. An informer is started once. */
  async start(signal: AbortSignal): Promise<void> {
    if (this.#started) throw new Error(`informer ${this.name} was started before`);
    this.#started = true;
    const { transform } = this.#options;
    const kept = (object: T): T => {
      delete (object.metadata as { managedFields?: unknown }).managedFields;
      return deepFreeze(transform ? transform(object) : object);
    };
    await new Reflector<T>({ ...this.#options, name: this.name, transform: kept }, this).run(signal);
  }
}
