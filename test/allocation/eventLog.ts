import type { KubeObject } from '../../kube/api/types.ts';
import type { WatchEvent } from '../../kube/api/watchEvents.ts';
import { type Selectors, selects } from './apiPath.ts';

export interface LoggedChange {
  plural: string;
  previous: KubeObject | undefined;
  /** With the version of the change, also where it is a deletion. */
  object: KubeObject;
  isDeleted: boolean;
  /** When, in milliseconds since the epoch. */
  at: number;
}

/** All changes of all objects, in order. Watches read it, each as far as its feed is let. */
export class EventLog {
  readonly changes: LoggedChange[] = [];
  readonly #waiting = new Set<() => void>();

  append(change: Omit<LoggedChange, 'at'>): void {
    this.changes.push({ ...change, at: Date.now() });
    this.wake();
  }

  /** Tells watches that there is more to read. */
  wake(): void {
    for (const resume of [...this.#waiting]) resume();
  }

  /** The events after a version, until the signal aborts; none while `isHeld`. */
  async *watch<T extends KubeObject>(
    plural: string,
    selectors: Selectors,
    { resourceVersion, isHeld, signal }: { resourceVersion: string; isHeld: () => boolean; signal: AbortSignal },
  ): AsyncGenerator<WatchEvent<T>, void> {
    const start = Number(resourceVersion);
    let position = 0;
    while (!signal.aborted) {
      const change = isHeld() ? undefined : this.changes[position];
      if (!change) {
        await this.#more(signal);
        continue;
      }
      position++;
      if (change.plural !== plural || versionOf(change.object) <= start) continue;
      const event = eventOf<T>(change, selectors);
      if (event) yield event;
    }
  }

  async #more(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const resume = (): void => {
      resolve(undefined);
    };
    this.#waiting.add(resume);
    signal.addEventListener('abort', resume, { once: true });
    await promise;
    this.#waiting.delete(resume);
    signal.removeEventListener('abort', resume);
  }
}

/** An object that begins or ceases to be selected is added or deleted, for who watches with a selector. */
function eventOf<T extends KubeObject>(
  { previous, object, isDeleted }: LoggedChange,
  selectors: Selectors,
): WatchEvent<T> | undefined {
  const before = previous !== undefined && selects(selectors, previous);
  const after = !isDeleted && selects(selectors, object);
  if (!before && !after) return undefined;
  const type = !after ? 'DELETED' : before ? 'MODIFIED' : 'ADDED';
  return { type, object: structuredClone(object) as T };
}

function versionOf({ metadata }: KubeObject): number {
  return Number(metadata.resourceVersion);
}
