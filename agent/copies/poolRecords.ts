import type { Logger } from 'pino';
import type { AllocatedNic, Allocation, IPPool } from '../../core/api/types.ts';
import type { Network } from '../../core/network/network.ts';
import { emptyPool, type PoolContent, readPool } from '../../core/pool/content.ts';
import { type Claimant, isHeldBy } from '../../core/pool/holder.ts';
import { nodePoolName } from '../../core/pool/name.ts';
import { candidatesOf } from '../../core/selection/candidates.ts';
import { keepsRecords } from '../../core/selection/loads.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { ipPools } from '../../kube/api/resources.ts';
import { isOlderVersion } from '../../kube/api/resourceVersion.ts';
import type { PoolStore } from '../../kube/pools/poolStore.ts';
import { type Runnable, untilAborted } from '../../kube/process/lifecycle.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import { Informer, type InformerOptions } from '../../kube/watch/informer.ts';

export interface PoolRecordsOptions {
  readonly client: KubeClient;
  readonly view: ClusterView;
  /** Told of every version of the pools. */
  readonly store: Pick<PoolStore, 'learn' | 'learnGone' | 'unfollow' | 'unfollowPool'>;
  readonly node: string;
  readonly logger: Logger;
  readonly observer?: InformerOptions<IPPool>['observer'];
}

/** A record, and the pool that it is in. */
export interface Held {
  readonly allocation: Allocation;
  readonly pool: string;
}

/** One pool's watch, which ends when the controller aborts. */
interface Watch {
  readonly informer: Informer<IPPool>;
  readonly controller: AbortController;
  readonly ended: Promise<void>;
}

/**
 * The records of this node's own pools: one watch per network that has a NIC here. Each watch names its pool, so that the API server finds
 * it by key instead of trying every watcher's selector.
 */
export class PoolRecords implements Runnable {
  readonly name = 'pool records';
  readonly #options: PoolRecordsOptions;
  readonly #watches = new Map<string, Watch>();
  /** By object: an informer's objects are frozen and replaced as a whole, so the object is the version. */
  readonly #read = new WeakMap<IPPool, PoolContent>();
  readonly #onRead: (() => void)[] = [];
  #running = false;

  constructor(options: PoolRecordsOptions) {
    this.#options = options;
  }

  /** Calls the listener whenever the records of one more pool have been read. */
  addReadListener(listener: () => void): void {
    this.#onRead.push(listener);
  }

  /** Starts and stops watches to fit the networks and the node's NICs. To be called when either changes. */
  refresh(): void {
    if (!this.#running) return;
    const wanted = new Set(this.#wantedPools());
    for (const [pool, { controller }] of this.#watches) {
      if (wanted.has(pool)) continue;
      this.#watches.delete(pool);
      controller.abort();
    }
    for (const pool of wanted) if (!this.#watches.has(pool)) this.#watch(pool);
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#running = true;
    this.refresh();
    await untilAborted(signal);
    this.#running = false;
    const watches = [...this.#watches.values()];
    for (const { controller } of watches) controller.abort();
    await Promise.all(watches.map(({ ended }) => ended));
    this.#watches.clear();
  }

  /** The attachment's record as the watch has it; undefined if the pool is not watched. */
  known(network: Network, claimant: Claimant): Held | undefined {
    const name = nodePoolName(network.name, this.#options.node);
    return this.#heldIn(this.#watches.get(name)?.informer.get({ name }), claimant);
  }

  /** The content of this node's pool of the network, as the watch has it. */
  content(network: Network): PoolContent {
    const name = nodePoolName(network.name, this.#options.node);
    return this.#contentOf(this.#watches.get(name)?.informer.get({ name }));
  }

  /** What pods hold of the node's NICs, with addresses from the node's pools; undefined until every pool has been read. */
  held(): AllocatedNic[] | undefined {
    const isRead = (pool: string): boolean => this.#watches.get(pool)?.informer.hasSynced ?? false;
    if (!this.#running || !this.#options.view.synced() || !this.#wantedPools().every(isRead)) return undefined;
    const live = [...this.all()].filter(({ allocation }) => allocation.state !== 'Released');
    return live.flatMap(({ allocation }) => allocation.nics);
  }

  /** All records of the watched pools. */
  *all(): Generator<Held> {
    for (const [name, { informer }] of this.#watches) {
      for (const allocation of this.#contentOf(informer.get({ name })).allocations) yield { allocation, pool: name };
    }
  }

  #heldIn(pool: IPPool | undefined, claimant: Claimant): Held | undefined {
    const allocation = this.#contentOf(pool).allocations.find(record => isHeldBy(record, claimant));
    return pool && allocation && { allocation, pool: pool.metadata.name };
  }

  /** An unreadable pool counts as empty; whoever wants to write it is refused. */
  #contentOf(pool: IPPool | undefined): PoolContent {
    if (!pool) return emptyPool;
    const known = this.#read.get(pool);
    if (known) return known;
    let content = emptyPool;
    try {
      content = readPool(pool);
    } catch (error) {
      this.#options.logger.error({ err: error, pool: pool.metadata.name }, 'the pool cannot be read');
    }
    this.#read.set(pool, content);
    return content;
  }

  #wantedPools(): string[] {
    const { view, node } = this.#options;
    const host = view.host(node)?.spec;
    if (!host) return [];
    return view
      .networks()
      .map(({ state }) => state.network)
      .filter(network => keepsRecords(network) && !network.nodeIndependent && candidatesOf(network, host).length > 0)
      .map(network => nodePoolName(network.name, node));
  }

  #watch(pool: string): void {
    const { client, store, logger, observer } = this.#options;
    const informer = new Informer<IPPool>({
      client,
      resource: ipPools,
      logger,
      name: 'ippools of the node',
      fieldSelector: `metadata.name=${pool}`,
      listFromCache: true,
      // A pod that the agent believes to have a record gets none (decision 35).
      expectsRestoration: true,
      observer,
    });
    const learn = (pool: IPPool): void => {
      store.learn(pool);
    };
    const learnGone = ({ metadata }: IPPool): void => {
      store.learnGone(metadata);
    };
    const learnNext = (pool: IPPool, { metadata: before }: IPPool): void => {
      // Nothing but a restoration of etcd does this, which concerns pages, too.
      if (isOlderVersion(pool.metadata.resourceVersion, before.resourceVersion)) store.unfollow();
      learn(pool);
    };
    informer.addHandlers({ added: learn, updated: learnNext, deleted: learnGone });
    void informer.synced.then(() => {
      for (const listener of this.#onRead) listener();
    });
    const controller = new AbortController();
    const ended = informer
      .start(controller.signal)
      .catch((error: unknown) => {
        logger.error({ err: error, pool }, 'the watch of a pool ended');
      })
      .finally(() => {
        store.unfollowPool(pool);
      });
    this.#watches.set(pool, { informer, controller, ended });
  }
}
