import pino from 'pino';
import type { Cidr, HostInterface, MultiNicNetwork } from '../../core/api/types.ts';
import type { KubeObject } from '../../kube/api/types.ts';
import { ClusterView } from '../../kube/view/clusterView.ts';
import type { Informer } from '../../kube/watch/informer.ts';
import type { InformerHandlers } from '../../kube/watch/informerHandlers.ts';

/** Objects that are there without an API server. */
class Planned<T extends KubeObject> {
  readonly hasSynced = true;
  readonly #objects = new Map<string, T>();
  readonly #handlers: InformerHandlers<T>[] = [];

  get(name: string): T | undefined {
    return this.#objects.get(name);
  }

  list(): IterableIterator<T> {
    return this.#objects.values();
  }

  addHandlers(handlers: InformerHandlers<T>): void {
    this.#handlers.push(handlers);
  }

  delete(name: string): void {
    const object = this.#objects.get(name);
    if (!object || !this.#objects.delete(name)) return;
    for (const handlers of this.#handlers) void handlers.deleted?.(object);
  }

  set(object: T): void {
    const previous = this.#objects.get(object.metadata.name);
    this.#objects.set(object.metadata.name, object);
    for (const handlers of this.#handlers) {
      void (previous ? handlers.updated?.(object, previous) : handlers.added?.(object));
    }
  }
}

/** What an agent knows of a cluster, from objects instead of from the API server. */
export class PlannedCluster {
  readonly #networks = new Planned<MultiNicNetwork>();
  readonly #cidrs = new Planned<Cidr>();
  readonly #hosts = new Planned<HostInterface>();
  readonly view: ClusterView;

  constructor() {
    const informer = <T extends KubeObject>(planned: Planned<T>): Informer<T> => planned as unknown as Informer<T>;
    const sources = {
      networks: informer(this.#networks),
      cidrs: informer(this.#cidrs),
      hosts: informer(this.#hosts),
    };
    this.view = new ClusterView(sources, pino({ level: 'silent' }));
  }

  setNetwork(object: MultiNicNetwork): void {
    this.#networks.set(object);
  }

  deleteNetwork(name: string): void {
    this.#networks.delete(name);
  }

  deletePage(name: string): void {
    this.#cidrs.delete(name);
  }

  deleteHost(name: string): void {
    this.#hosts.delete(name);
  }

  setPage(object: Cidr): void {
    this.#cidrs.set(object);
  }

  setHost(object: HostInterface): void {
    this.#hosts.set(object);
  }
}
