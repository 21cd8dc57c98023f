import type { Logger } from 'pino';
import type { Allocation } from '../../core/api/types.ts';
import type { Pod } from '../../kube/api/resources.ts';
import type { PoolStore } from '../../kube/pools/poolStore.ts';
import { eachOf } from '../../kube/process/eachOf.ts';
import { FirstSeen } from '../../kube/process/firstSeen.ts';
import type { Runnable } from '../../kube/process/lifecycle.ts';
import { WorkQueue, type WorkQueueObserver } from '../../kube/process/workQueue.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { CheckpointEntry } from '../checkpoint/entry.ts';
import type { AddsUnderWay } from '../copies/addsUnderWay.ts';
import { isEnding, type PodSource } from '../copies/podSource.ts';
import type { Held, PoolRecords } from '../copies/poolRecords.ts';

export interface ReleaserOptions {
  readonly pods: PodSource;
  readonly adds: AddsUnderWay;
  readonly records: PoolRecords;
  readonly store: PoolStore;
  readonly checkpoint: Checkpoint;
  readonly logger: Logger;
  readonly observer?: WorkQueueObserver;
  /** How often records are compared with pods, ms. Default 60,000. */
  readonly sweepMs?: number;
  /** Records younger than this are left alone by the sweep, ms. Default 60,000. */
  readonly graceMs?: number;
}

/** A reservation whose pod was never created (refused later in admission) is given up after this, ms. */
const reservationMs = 120_000;
const releaseTimeoutMs = 30_000;
/** If the pod exists according to the API server but is not in our copy (yet), it is checked again after this, ms. */
const doubtMs = 10_000;

/** What is known of a pod whose records may have to be released. */
interface Case {
  readonly namespace: string;
  readonly name: string;
  readonly pools: Set<string>;
}

/**
 * Releases a pod's addresses once the pod is gone, finished or being deleted, and no sandbox of it is attached any more, nor about to be. Nothing is
 * concluded from an error; the check is repeated.
 */
export class Releaser implements Runnable {
  readonly name = 'release';
  readonly #options: ReleaserOptions;
  readonly #queue: WorkQueue;
  readonly #cases = new Map<string, Case>();
  /** How long this agent has known of each record: the clock of whoever dated it may differ. */
  readonly #seen = new FirstSeen();
  /** Timer for the record that leaves its grace period next. */
  #graceEnds: { timer: NodeJS.Timeout; due: number } | undefined;

  constructor(options: ReleaserOptions) {
    this.#options = options;
    const { adds, logger, observer, pods, records } = options;
    this.#queue = new WorkQueue({
      name: this.name,
      logger,
      concurrency: 8,
      handler: (uid, signal) => this.#handle(uid, signal),
      observer,
    });
    const onPod = (pod: Pod): void => {
      if (isEnding(pod)) this.#consider(pod);
    };
    pods.informer.addHandlers({
      added: onPod,
      updated: onPod,
      deleted: pod => {
        this.#consider(pod);
      },
    });
    adds.addEndListener(({ namespace, name }) => {
      for (const [uid, known] of this.#cases) {
        if (known.namespace === namespace && known.name === name) this.#queue.add(uid);
      }
    });
    // Nothing tells of pods that ended while no agent ran: records are compared with pods as soon as both are known.
    const onRead = (): void => {
      this.sweep();
    };
    records.addReadListener(onRead);
    void pods.informer.synced.then(onRead);
  }

  /** The attachment was removed, or what could be removed of it. */
  detached({ pod, pool }: CheckpointEntry): void {
    this.#add(pod.uid, pod, pool);
  }

  async start(signal: AbortSignal): Promise<void> {
    const { sweepMs = 60_000 } = this.#options;
    const timer = setInterval(() => {
      this.sweep();
    }, sweepMs);
    try {
      await this.#queue.start(signal);
    } finally {
      clearInterval(timer);
      clearTimeout(this.#graceEnds?.timer);
    }
  }

  /** Finds records whose pod is neither attached nor known to run here, and has each checked. */
  sweep(): void {
    const { records, pods, graceMs = 60_000 } = this.#options;
    if (!pods.informer.hasSynced) return;
    const live = [...records.all()].filter(({ allocation }) => allocation.state !== 'Released');
    this.#seen.keep(new Set(live.map(keyOf)));
    for (const held of live) {
      const { allocation, pool } = held;
      const { podUID, since, reservation } = allocation;
      const knownMs = this.#seen.ageMs(keyOf(held));
      const ageMs = Math.max(knownMs, Date.now() - Date.parse(since));
      if (ageMs < graceMs) {
        if (!pods.byUid(podUID)) this.#sweepIn(graceMs - ageMs);
        continue;
      }
      if (podUID === '' && reservation !== undefined) {
        // Its pod is not looked up, so the date alone does not count.
        if (knownMs > reservationMs) this.#giveUp(pool, reservation);
        continue;
      }
      const pod = pods.byUid(podUID);
      if (!pod || isEnding(pod)) this.#add(podUID, allocation, pool);
    }
  }

  #sweepIn(delayMs: number): void {
    const due = performance.now() + delayMs;
    if (this.#graceEnds && this.#graceEnds.due <= due) return;
    clearTimeout(this.#graceEnds?.timer);
    const timer = setTimeout(() => {
      this.#graceEnds = undefined;
      this.sweep();
    }, delayMs);
    this.#graceEnds = { timer: timer.unref(), due };
  }

  #consider({ metadata }: Pod): void {
    const { uid, namespace = '', name } = metadata;
    if (uid !== undefined) this.#add(uid, { namespace, name });
  }

  #add(uid: string, { namespace, name }: { namespace: string; name: string }, pool?: string): void {
    const known = this.#cases.get(uid) ?? { namespace, name, pools: new Set<string>() };
    if (pool !== undefined) known.pools.add(pool);
    this.#cases.set(uid, known);
    this.#queue.add(uid);
  }

  async #handle(uid: string, signal: AbortSignal): Promise<{ requeueAfterMs: number } | undefined> {
    const { pods, records, store, logger } = this.#options;
    const subject = this.#cases.get(uid);
    if (!subject || this.#isInUse(uid, subject)) return undefined;
    const pools = new Set(subject.pools);
    for (const { allocation, pool } of records.all()) if (isOf(allocation, uid)) pools.add(pool);
    if (pools.size > 0 && !(await pods.isPast(subject, uid, signal))) {
      // A new sandbox of the same pod keeps its addresses; when the pod ends, it comes here again.
      if (pods.byUid(uid)) return undefined;
      return { requeueAfterMs: doubtMs };
    }
    // An ADD that begins from now on finds the pod in the same state.
    if (this.#isInUse(uid, subject)) return undefined;
    // All at once: one that fails keeps none of the others from being released.
    await eachOf(pools, pools.size, async pool => {
      await store.release(pool, record => isOf(record, uid), { timeoutMs: releaseTimeoutMs });
      logger.info({ pool, pod: subject.name, namespace: subject.namespace, uid }, 'addresses released');
    });
    if (subject.pools.isSubsetOf(pools)) this.#cases.delete(uid);
    return undefined;
  }

  /** If so, its DEL or the end of its ADD leads here again. */
  #isInUse(uid: string, pod: Case): boolean {
    const { adds, checkpoint } = this.#options;
    return adds.has(pod) || checkpoint.ofPod(uid).some(({ pool }) => pool !== undefined);
  }

  /** Logged by its own error handler; the sweep repeats it. */
  #giveUp(pool: string, reservation: string): void {
    const { store, logger } = this.#options;
    const isIt = (record: Allocation): boolean => record.podUID === '' && record.reservation === reservation;
    store.release(pool, isIt, { timeoutMs: releaseTimeoutMs }).catch((error: unknown) => {
      logger.warn({ err: error, pool }, 'giving up a reservation failed');
    });
  }
}

function keyOf({ allocation, pool }: Held): string {
  const { podUID, reservation = '', interface: ifname, since } = allocation;
  return [pool, podUID || reservation, ifname, since].join(' ');
}

/** A record without a UID, written by hand, must not take reservations with it, which have no UID yet. */
function isOf({ podUID, state }: Allocation, uid: string): boolean {
  return podUID === uid && state === 'Allocated';
}
