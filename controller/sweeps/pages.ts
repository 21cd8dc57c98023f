import { setImmediate } from 'node:timers/promises';
import type { Allocation, IPPool } from '../../core/api/types.ts';
import { sleep } from '../../kube/api/deadline.ts';
import type { Pod } from '../../kube/api/resources.ts';
import { whenAborted } from '../../kube/api/whenAborted.ts';
import { eachOf } from '../../kube/process/eachOf.ts';
import type { Runnable } from '../../kube/process/lifecycle.ts';
import type { Informer } from '../../kube/watch/informer.ts';
import type { LeaderContext } from '../context/leaderContext.ts';
import { fateOf, injectedPods, isFailing } from './injectedPods.ts';
import { releaseTimeoutMs } from './limits.ts';
import { PodFates } from './podFates.ts';
import { isChanged, poolRecords } from './poolRecords.ts';

export interface PageSweeperOptions {
  /** Time between two sweeps while no pod ends, in milliseconds. */
  intervalMs: number;
  /** How long a record is left alone if its pod was never seen, in milliseconds. */
  recordGraceMs: number;
}

/** Pods that end within this time are released together. */
const batchMs = 500;

/** Records, or pages, handled at the same time: each may cost a request. */
const pagesAtOnce = 4;
const recordsAtOnce = 4;

/**
 * Releases what finished or deleted pods held in the pages of node-independent networks; no agent owns those. Pods are watched as soon as
 * there is such a network, so that their addresses are free again within a second of their end.
 */
export class PageSweeper implements Runnable {
  readonly name = 'page sweeper';
  readonly #context: LeaderContext;
  readonly #options: PageSweeperOptions;
  readonly #pods: Informer<Pod>;
  readonly #fates: PodFates;
  /** By object: an informer's objects never change. */
  readonly #records = new WeakMap<IPPool, readonly Allocation[]>();
  /** Aborted when there is something to sweep. */
  #waiting = new AbortController();

  constructor(context: LeaderContext, options: PageSweeperOptions) {
    this.#context = context;
    this.#options = options;
    const { client, informers, logger } = context;
    this.#pods = injectedPods(client, logger);
    this.#fates = new PodFates(client, informers.nodes, this.#pods, options.recordGraceMs);
    this.#pods.addHandlers({
      updated: pod => {
        if (fateOf(pod).isStopped || isFailing(pod.status)) this.#wake();
      },
      deleted: this.#wake,
    });
  }

  async start(signal: AbortSignal): Promise<void> {
    using _ = whenAborted(signal, this.#wake);
    await this.#untilNeeded(signal);
    const watching = this.#pods.start(signal);
    const stopLooking = this.#context.informers.pools.addHandlers({ updated: this.#lookAt });
    while (!signal.aborted) {
      this.#waiting = new AbortController();
      if (this.#pods.hasSynced) await this.#trySweep(signal);
      await sleep(this.#options.intervalMs, this.#waiting.signal);
      await sleep(batchMs, signal);
    }
    stopLooking();
    await watching;
  }

  /** Resolves when there is a node-independent network or a page of one, or the signal aborts: most clusters never have one. */
  async #untilNeeded(signal: AbortSignal): Promise<void> {
    const stopListening = this.#context.informers.networks.addHandlers({ added: this.#wake, updated: this.#wake });
    while (!signal.aborted && !this.#isNeeded()) {
      await sleep(this.#options.intervalMs, this.#waiting.signal);
      this.#waiting = new AbortController();
    }
    stopListening();
  }

  async #trySweep(signal: AbortSignal): Promise<void> {
    try {
      await this.#sweep(signal);
    } catch (error) {
      if (signal.aborted) return;
      this.#context.logger.warn({ err: error }, 'a sweep of pages ended early, to be tried again');
    }
  }

  /** A reservation may be confirmed after its pod has ended, as nobody waits for that; then no event of the pod tells of it. */
  readonly #lookAt = (pool: IPPool, previous: IPPool): void => {
    if (pool.spec.hostName !== undefined || !pool.status) return;
    const before = new Set(previous.status?.allocations);
    const allocations = (pool.status.allocations ?? []).filter(text => !before.has(text));
    const given = poolRecords(this.#context, { ...pool, status: { ...pool.status, allocations } }, 'Allocated');
    if (given.some(record => this.#fates.isSuspect(record))) this.#wake();
  };

  readonly #wake = (): void => {
    this.#waiting.abort();
  };

  async #sweep(signal: AbortSignal): Promise<void> {
    const { pools, logger } = this.#context;
    const uids = new Set<string>();
    this.#fates.begin();
    await eachOf(this.#pages(), pagesAtOnce, async page => {
      const pool = page.metadata.name;
      const records = this.#recordsOf(page).filter(record => this.#fates.isSuspect(record));
      const over = new Set<string>();
      for (const { podUID } of records) uids.add(podUID);
      // Hundreds of pages are handled in a row, and reviews wait meanwhile.
      await setImmediate();
      await eachOf(records, recordsAtOnce, async record => {
        if (await this.#fates.isOver(record, signal)) over.add(record.podUID);
      });
      if (over.size === 0) return;
      const isOver = ({ state, podUID }: Allocation): boolean => state === 'Allocated' && over.has(podUID);
      signal.throwIfAborted();
      const release = pools.release(pool, isOver, { timeoutMs: releaseTimeoutMs });
      if (await isChanged(this.#context, pool, release))
        logger.info({ pool, pods: over.size }, 'addresses of finished or deleted pods released');
    });
    this.#fates.keep(uids);
  }

  /** Pages may be left from when a network was node-independent. */
  #isNeeded(): boolean {
    return this.#pages().length > 0 || this.#context.view.networks().some(({ state }) => state.network.nodeIndependent);
  }

  #pages(): IPPool[] {
    return [...this.#context.informers.pools.list()].filter(({ spec }) => spec.hostName === undefined);
  }

  #recordsOf(pool: IPPool): readonly Allocation[] {
    const known = this.#records.get(pool);
    if (known) return known;
    const records = poolRecords(this.#context, pool, 'Allocated').filter(({ podUID }) => podUID !== '');
    this.#records.set(pool, records);
    return records;
  }
}
