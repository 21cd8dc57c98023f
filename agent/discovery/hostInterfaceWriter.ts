import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { apiVersion, component } from '../../core/api/names.ts';
import { isUsers } from '../../core/api/owner.ts';
import type { Condition, HostInterface, HostInterfaceSpec, HostNic } from '../../core/api/types.ts';
import { withoutLinkStates } from '../../core/network/versions.ts';
import { secondsOf } from '../../core/status/condition.ts';
import { routesProgrammed } from '../../core/status/routesProgrammed.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { isLostRace } from '../../kube/api/errors.ts';
import { hostInterfaces } from '../../kube/api/resources.ts';
import type { Informer } from '../../kube/watch/informer.ts';

/** A condition as its maker knows it; the writer adds the time of its last change. */
export type ConditionState = Omit<Condition, 'lastTransitionTime' | 'observedGeneration'>;

/**
 * Shortest time between two writes that only tell of links' states, ms. Every change is sent to every agent of the cluster, and a bad cable
 * causes one a second.
 */
export const linkStateMs = 5_000;

/** Conditions that follow the state of a link. */
const linkConditions: ReadonlySet<string> = new Set([routesProgrammed]);

export interface HostInterfaceWriterOptions {
  readonly client: KubeClient;
  readonly informer: Informer<HostInterface>;
  readonly node: string;
  readonly logger: Logger;
  /** A monotonic clock, ms. Default: performance.now. */
  readonly now?: () => number;
}

/** Keeps the node's own HostInterface true, and writes it only where it is not. */
export class HostInterfaceWriter {
  readonly #client: KubeClient;
  readonly #informer: Informer<HostInterface>;
  readonly #node: string;
  readonly #logger: Logger;
  readonly #now: () => number;
  /** Newer than the informer's copy while our own write has not come back yet. */
  #written: HostInterface | undefined;
  /** When the NICs and the conditions were last written because of links' states alone. */
  readonly #toldAt = { nics: -Infinity, conditions: -Infinity };

  constructor({ client, informer, node, logger, now }: HostInterfaceWriterOptions) {
    this.#client = client;
    this.#informer = informer;
    this.#node = node;
    this.#logger = logger;
    this.#now = now ?? (() => performance.now());
  }

  /** What we wrote can no longer be compared with: somebody else wrote or deleted the object. */
  changed(): void {
    this.#written = undefined;
  }

  /** Resolves when it is known whether there is a HostInterface. */
  get synced(): Promise<void> {
    return this.#informer.synced;
  }

  /**
   * Whether the HostInterface, in the copy that all parts of this agent read, has these NICs, not regarding links' states, or as much of them as the
   * API server takes, which may know an older schema; or whether its user owns it.
   */
  isTold(nics: readonly HostNic[]): boolean {
    const told = this.#informer.get({ name: this.#node });
    if (!told) return false;
    const isWritten = this.#written?.metadata.resourceVersion === told.metadata.resourceVersion;
    if (isWritten || isUsers(told)) return true;
    return isSame(withoutLinkStates(told.spec), withoutLinkStates(this.#specOf(nics)));
  }

  /** Whether the HostInterface is its user's. */
  get isUsers(): boolean {
    const current = this.#current();
    return current !== undefined && isUsers(current);
  }

  hasCondition(type: string): boolean {
    return this.#current()?.status?.conditions?.some(condition => condition.type === type) ?? false;
  }

  /** The NICs as the HostInterface has them. */
  nics(): readonly HostNic[] {
    return this.#current()?.spec.interfaces ?? [];
  }

  /**
   * Makes spec.interfaces these. A HostInterface that its user owns is left alone.
   * @returns after how many ms to call again, if links have changed too soon after the last such write
   * @throws ApiError, TransportError
   */
  async writeNics(nics: readonly HostNic[], signal: AbortSignal): Promise<number | undefined> {
    const spec = this.#specOf(nics);
    const current = this.#current();
    const told = nics.map(({ interfaceName, linkState }) => `${interfaceName}${linkState === 'down' ? ' (down)' : ''}`);
    if (!current) {
      this.#logger.info({ nics: told }, 'the NICs of the node are told for the first time');
      const object = { apiVersion, kind: 'HostInterface', metadata: { name: this.#node }, spec };
      await this.#write(() => this.#create(object, signal));
      return undefined;
    }
    if (isUsers(current) || isSame(current.spec, spec)) return undefined;
    const isOfLinks = isSame(withoutLinkStates(current.spec), withoutLinkStates(spec));
    const waitMs = isOfLinks ? this.#toldAt.nics + linkStateMs - this.#now() : 0;
    if (waitMs > 0) return waitMs;
    this.#logger.info({ nics: told }, 'the NICs of the node have changed');
    const options = { signal, fieldManager: component.agent };
    await this.#write(() => this.#client.update(hostInterfaces, { ...current, spec }, options));
    if (isOfLinks) this.#toldAt.nics = this.#now();
    return undefined;
  }

  /**
   * Sets these conditions; others stay. Nothing is written where only the time would change. A HostInterface that its user owns has them, too:
   * networks wait for what every agent says of its routes.
   * @returns after how many ms to call again, if a condition that follows links has changed too soon after its last write
   * @throws ApiError, TransportError
   */
  async writeConditions(states: readonly ConditionState[], signal: AbortSignal): Promise<number | undefined> {
    const current = this.#current();
    if (!current) return undefined;
    const { conditions, changed } = withStates(current.status?.conditions ?? [], states);
    if (changed.length === 0) return undefined;
    const isOfLinks = changed.every(type => linkConditions.has(type));
    const waitMs = isOfLinks ? this.#toldAt.conditions + linkStateMs - this.#now() : 0;
    if (waitMs > 0) return waitMs;
    const status = { ...current.status, conditions };
    const options = { signal, fieldManager: component.agent };
    await this.#write(() => this.#client.updateStatus(hostInterfaces, { ...current, status }, options));
    if (isOfLinks) this.#toldAt.conditions = this.#now();
    return undefined;
  }

  async #write(write: () => Promise<HostInterface>): Promise<void> {
    // After a conflict the next attempt must be based on the informer's copy, not on what was written last.
    this.#written = undefined;
    this.#written = await write();
  }

  #specOf(nics: readonly HostNic[]): HostInterfaceSpec {
    return { hostName: this.#node, interfaces: [...nics] };
  }

  #current(): HostInterface | undefined {
    return this.#written ?? this.#informer.get({ name: this.#node });
  }

  async #create(object: HostInterface, signal: AbortSignal): Promise<HostInterface> {
    try {
      return await this.#client.create(hostInterfaces, object, { signal, fieldManager: component.agent });
    } catch (error) {
      // The copy lags: the object will come with it, and is compared then.
      if (isLostRace(error)) return this.#client.get(hostInterfaces, object.metadata, { signal });
      throw error;
    }
  }
}

/** The conditions with these states, and the types of those that differ in more than the time. */
function withStates(
  before: readonly Condition[],
  states: readonly ConditionState[],
): { conditions: Condition[]; changed: string[] } {
  const conditions = [...before];
  const changed: string[] = [];
  for (const state of states) {
    const at = conditions.findIndex(({ type }) => type === state.type);
    const old = conditions[at];
    if (old?.status === state.status && old.message === state.message && old.reason === state.reason) continue;
    const flipped = old?.status !== state.status;
    const condition = { ...state, lastTransitionTime: flipped ? secondsOf(new Date()) : old.lastTransitionTime };
    if (at < 0) conditions.push(condition);
    else conditions[at] = condition;
    changed.push(state.type);
  }
  return { conditions, changed };
}

function isSame(a: object, b: object): boolean {
  return isDeepStrictEqual(normal(a), normal(b));
}

/** Without the keys that are present but undefined, and as plain data. */
function normal(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
