import pino from 'pino';
import type { Cidr, HostInterface, MultiNicNetwork } from '../../core/api/types.ts';
import type { KubeObject } from '../../kube/api/types.ts';
import { ClusterView } from '../../kube/view/clusterView.ts';
import { ObjectCache } from '../../kube/watch/objectCache.ts';

const logger = pino({ level: 'silent' });

/** Objects that are there without an API server. */
class Planned<T extends KubeObject> extends ObjectCache<T> {
  #version = 0;

  constructor() {
    super({ logger });
    this.replace([]);
  }

  /** As the API server gives each state of an object a version. */
  override set(object: T): void {
    super.set({ ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } });
  }

  deleteNamed(name: string): void {
    const object = this.get(name);
    if (object) this.delete(object);
  }
}

/** What an agent knows of a cluster, from objects instead of from the API server. */
export class PlannedCluster {
  readonly #networks = new Planned<MultiNicNetwork>();
  readonly #cidrs = new Planned<Cidr>();
  readonly #hosts = new Planned<HostInterface>();
  readonly view = new ClusterView({ networks: this.#networks, cidrs: this.#cidrs, hosts: this.#hosts }, logger);

  setNetwork(object: MultiNicNetwork): void {
    this.#networks.set(object);
  }

  deleteNetwork(name: string): void {
    this.#networks.deleteNamed(name);
  }

  deletePage(name: string): void {
    this.#cidrs.deleteNamed(name);
  }

  deleteHost(name: string): void {
    this.#hosts.deleteNamed(name);
  }

  setPage(object: Cidr): void {
    this.#cidrs.set(object);
  }

  setHost(object: HostInterface): void {
    this.#hosts.set(object);
  }
}
