import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { apiVersion, component, label } from '../../core/api/names.ts';
import type { Condition, HostInterface, HostNic } from '../../core/api/types.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { isAlreadyExists, isConflict } from '../../kube/api/errors.ts';
import type { Informer } from '../../kube/watch/informer.ts';
import { hostInterfaces } from '../../kube/api/resources.ts';

/** A condition as its maker knows it; the writer adds the time of its last change. */
export type ConditionState = Omit<Condition, 'lastTransitionTime' | 'observedGeneration'>;

/** Keeps the node's own HostInterface true, and writes it only where it is not. */
export class HostInterfaceWriter {
  readonly #client: KubeClient;
  readonly #informer: Informer<HostInterface>;
  readonly #node: string;
  readonly #log: Logger;
  /** Newer than the informer's where our own write has not come back yet. */
  #written: HostInterface | undefined;

  constructor(client: KubeClient, informer: Informer<HostInterface>, node: string, log: Logger) {
    this.#client = client;
    this.#informer = informer;
    this.#node = node;
    this.#log = log;
  }

  /** The object's own copy is not ours to compare with any more: something else wrote or deleted it. */
  changed(): void {
    this.#written = undefined;
  }

  /** The NICs as the HostInterface has them. */
  nics(): readonly HostNic[] {
    return this.#current()?.spec.interfaces ?? [];
  }

  /** Makes spec.interfaces these. A HostInterface that its user owns is left alone. @throws ApiError, TransportError */
  async writeNics(nics: readonly HostNic[], signal: AbortSignal): Promise<void> {
    const spec = { hostName: this.#node, interfaces: [...nics] };
    const current = this.#current();
    if (!current) {
      const object = { apiVersion, kind: 'HostInterface', metadata: { name: this.#node }, spec };
      await this.#write(() => this.#create(object, signal));
      return;
    }
    if (isUnmanaged(current) || isDeepStrictEqual(normal(current.spec), normal(spec))) return;
    this.#log.info({ nics: nics.map(({ interfaceName }) => interfaceName) }, 'the NICs of the node have changed');
    const options = { signal, fieldManager: component.agent };
    await this.#write(() => this.#client.update(hostInterfaces, { ...current, spec }, options));
  }

  /** Sets these conditions; others stay. Nothing is written where only the time would change. @throws ApiError, TransportError */
  async writeConditions(states: readonly ConditionState[], signal: AbortSignal): Promise<void> {
    const current = this.#current();
    if (!current || isUnmanaged(current)) return;
    const before = current.status?.conditions ?? [];
    const after = [...before];
    for (const state of states) {
      const at = after.findIndex(({ type }) => type === state.type);
      const old = after[at];
      if (old?.status === state.status && old.message === state.message && old.reason === state.reason) continue;
      const flipped = old?.status !== state.status;
      const condition = { ...state, lastTransitionTime: flipped ? now() : old.lastTransitionTime };
      if (at < 0) after.push(condition);
      else after[at] = condition;
    }
    if (isDeepStrictEqual(before, after)) return;
    const status = { ...current.status, conditions: after };
    const options = { signal, fieldManager: component.agent };
    await this.#write(() => this.#client.updateStatus(hostInterfaces, { ...current, status }, options));
  }

  async #write(write: () => Promise<HostInterface>): Promise<void> {
    // After a conflict the next attempt must rest on what the informer has, not on what was written last.
    this.#written = undefined;
    this.#written = await write();
  }

  #current(): HostInterface | undefined {
    return this.#written ?? this.#informer.get({ name: this.#node });
  }

  async #create(object: HostInterface, signal: AbortSignal): Promise<HostInterface> {
    try {
      return await this.#client.create(hostInterfaces, object, { signal, fieldManager: component.agent });
    } catch (error) {
      // The copy lags: what is there comes with it, and is compared then.
      if (isAlreadyExists(error) || isConflict(error))
        return this.#client.get(hostInterfaces, object.metadata, { signal });
      throw error;
    }
  }
}

/** The predecessor's controller compares without regard to case. */
export function isUnmanaged({ metadata }: Pick<HostInterface, 'metadata'>): boolean {
  return metadata.labels?.[label.unmanaged]?.toLowerCase() === 'true';
}

/** Without the keys that are present but undefined, and as plain data. */
function normal(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** RFC 3339 in whole seconds, as the API server has times. */
function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}
