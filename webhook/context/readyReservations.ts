import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { formatCidr } from '../../core/net/cidr.ts';
import type { Network } from '../../core/network/network.ts';
import type { NicClaim } from '../../core/pool/allocate.ts';
import type { Granted } from '../../kube/grants/granted.ts';
import { grantInPages, type PageClaim, pagesOf } from '../../kube/grants/pageGrant.ts';
import { PoolDeadlineError } from '../../kube/pools/poolDeadline.ts';
import type { PoolStore } from '../../kube/pools/poolStore.ts';
import { type Runnable, untilAborted } from '../../kube/process/lifecycle.ts';
import { Demand } from './demand.ts';
import type { Reservations } from './reservations.ts';

export interface ReadyOptions {
  /** Most that lie ready for pods alike. */
  most: number;
  /** Pods alike within a second from which there are any. */
  leastAsked: number;
  /** Pages with room for many more that the network must have. */
  leastPages: number;
  /** For how many more attachments such a page has addresses. */
  leastRoom: number;
}

/** How long one lies ready, ms: twice as long as it takes until one is taken, and far less than the leader waits for a reservation's pod. */
const keptMs = 1000;
/** Made in one write. */
const atOnce = 16;
const makeTimeoutMs = 2000;
/** How long nothing is made ready after it failed, or where the network has no room for it, ms. */
const pauseMs = 10_000;
/** Name of the pod in the record: no pod has it. */
const anyPod = '*';

interface Made extends Granted {
  pool: string;
  ready: string;
  at: number;
}

/** For pods that can have the same reservations. */
interface Shelf {
  readonly network: Network;
  readonly claim: PageClaim;
  readonly made: Made[];
  readonly demand: Demand;
  isFilling: boolean;
  pausedUntil: number;
}

/**
 * Reservations in pages, made before the pods come that get them (decision 33): while many pods alike are created, none waits for a write of its
 * own, and a write serves many. Where addresses may become scarce nothing is set aside. What lies ready is a record like any other that no pod
 * has confirmed yet: if this process dies, the leader releases it.
 */
export class ReadyReservations implements Runnable {
  readonly name = 'ready reservations';
  readonly #store: PoolStore;
  readonly #reservations: Reservations;
  readonly #logger: Logger;
  readonly #options: ReadyOptions;
  readonly #shelves = new Map<string, Shelf>();
  readonly #open = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(
    store: PoolStore,
    reservations: Reservations,
    { logger, ...options }: { logger: Logger } & Partial<ReadyOptions>,
  ) {
    this.#store = store;
    this.#reservations = reservations;
    this.#logger = logger;
    this.#options = { most: 64, leastAsked: 2, leastPages: 8, leastRoom: 128, ...options };
  }

  /** A reservation for a pod that is being created; undefined where none lies ready. Makes others for those like it that come next. */
  take(network: Network, claim: PageClaim): Granted | undefined {
    // Who wants certain addresses gets these or none.
    if ((claim.ips ?? []).length > 0 || (claim.held ?? []).length > 0) return undefined;
    const shelf = this.#shelf(network, claim);
    const now = performance.now();
    shelf.demand.note(now);
    this.#giveBack(outdated(shelf, now));
    const made = shelf.made.shift();
    this.#fill(shelf);
    return made;
  }

  /** Ends when the signal aborts and nothing lies ready any more. */
  async start(signal: AbortSignal): Promise<void> {
    await untilAborted(signal);
    this.#isStopped = true;
    clearTimeout(this.#timer);
    for (const { made } of this.#shelves.values()) this.#giveBack(made.splice(0));
    await Promise.all(this.#open);
  }

  #shelf(network: Network, claim: PageClaim): Shelf {
    const key = keyOf(network, claim);
    const known = this.#shelves.get(key);
    if (known) return known;
    const demand = new Demand(this.#options.most);
    const shelf: Shelf = { network, claim, made: [], demand, isFilling: false, pausedUntil: 0 };
    this.#shelves.set(key, shelf);
    this.#tidyLater();
    return shelf;
  }

  /** How many more are to lie ready. */
  #missing({ made, demand }: Shelf): number {
    const expected = demand.expected(performance.now(), this.#options.leastAsked);
    const missing = expected - made.length;
    // A write for each few would be as many as without.
    return missing >= Math.min(atOnce, expected / 2) ? missing : 0;
  }

  /** Nobody waits for this. */
  #fill(shelf: Shelf): void {
    if (shelf.isFilling || this.#isStopped || performance.now() < shelf.pausedUntil || this.#missing(shelf) === 0)
      return;
    shelf.isFilling = true;
    const work = this.#make(shelf)
      .catch((error: unknown) => {
        shelf.pausedUntil = performance.now() + pauseMs;
        this.#logger.debug({ err: error, network: shelf.network.name }, 'no reservations are made ready for a while');
      })
      .finally(() => {
        shelf.isFilling = false;
        this.#open.delete(work);
      });
    this.#open.add(work);
  }

  async #make(shelf: Shelf): Promise<void> {
    const { network, claim } = shelf;
    const pages = pagesOf(network, claim.nics);
    const least = { pages: this.#options.leastPages, room: this.#options.leastRoom };
    if (!(await this.#store.pages.isAmple(network.name, pages, least, makeTimeoutMs))) {
      shelf.pausedUntil = performance.now() + pauseMs;
      return;
    }
    for (let count = this.#missing(shelf); count > 0 && !this.#isStopped; count = this.#missing(shelf)) {
      const works = Array.from({ length: Math.min(count, atOnce) }, () => this.#makeOne(shelf));
      const failed = (await Promise.allSettled(works)).find(({ status }) => status === 'rejected');
      if (failed?.status === 'rejected') throw failed.reason;
    }
  }

  async #makeOne({ network, claim, made }: Shelf): Promise<void> {
    const ready = randomUUID();
    const { namespace, interface: ifname } = claim.claimant;
    const claimant = { podUID: '', reservation: ready, namespace, name: anyPod, interface: ifname };
    try {
      const options = { timeoutMs: makeTimeoutMs };
      const { nics, pool } = await grantInPages(this.#store, network, { claimant, nics: claim.nics }, options);
      if (pool === undefined) return;
      const one = { nics, pool, ready, at: performance.now() };
      if (this.#isStopped) this.#giveBack([one]);
      else made.push(one);
    } catch (error) {
      if (error instanceof PoolDeadlineError) this.#reservations.giveBack(error.pool, ready);
      throw error;
    }
  }

  #giveBack(made: readonly Made[]): void {
    for (const { pool, ready } of made) this.#reservations.giveBack(pool, ready);
  }

  #tidyLater(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#tidy();
      if (this.#shelves.size > 0) this.#tidyLater();
    }, keptMs / 4);
  }

  #tidy(): void {
    const now = performance.now();
    for (const [key, shelf] of this.#shelves) {
      this.#giveBack(outdated(shelf, now));
      const isIdle = shelf.made.length === 0 && !shelf.isFilling && shelf.demand.last < now - pauseMs;
      if (isIdle) this.#shelves.delete(key);
    }
  }
}

/** Takes out what has lain too long; the oldest come first. */
function outdated({ made }: Shelf, now: number): Made[] {
  const fresh = made.findIndex(({ at }) => now - at < keptMs);
  return made.splice(0, fresh < 0 ? made.length : fresh);
}

function keyOf({ uid, generation }: Network, { claimant, nics }: PageClaim): string {
  return JSON.stringify([uid, generation, claimant.namespace, claimant.interface, nics.map(nicKey)]);
}

function nicKey({ master, netAddress, promisedMbps, blocks }: NicClaim): unknown[] {
  return [master, netAddress, promisedMbps, blocks.map(({ pod, vlan }) => [formatCidr(pod), vlan.prefix])];
}
