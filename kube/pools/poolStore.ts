import type { Logger } from 'pino';
import type { Allocation, IPPool, ObjectMeta } from '../../core/api/types.ts';
import { defined } from '../../core/defined.ts';
import { MultiNicError } from '../../core/errors.ts';
import { allocate, type Claim } from '../../core/pool/allocate.ts';
import { type PoolContent, readPool } from '../../core/pool/content.ts';
import { confirm, type Holder, isReservedFor } from '../../core/pool/holder.ts';
import { pagePoolName } from '../../core/pool/name.ts';
import { formatRecord } from '../../core/pool/record.ts';
import { attachmentsIn, release, type Rules } from '../../core/pool/resting.ts';
import type { KubeClient } from '../api/client.ts';
import { timeLeft } from '../api/deadline.ts';
import { ipPools } from '../api/resources.ts';
import { NetworkProof } from './networkProof.ts';
import { PageDirectory } from './pageDirectory.ts';
import type { Change } from './poolChange.ts';
import { PoolDeadlineError } from './poolDeadline.ts';
import { checkOwner, newPool, type PoolRef } from './poolRef.ts';
import { PoolWriter } from './poolWriter.ts';
import { refusal } from './refusal.ts';

export interface PoolCallOptions {
  /** Time for the whole call, ms, conflicts and retries included. */
  timeoutMs: number;
  /** Nothing is written; the result is what would have been. */
  dryRun?: boolean;
  /** How long a change may wait to be written together with others of the same pool, ms. Default: not at all. */
  patienceMs?: number;
}

export interface FindOptions extends PoolCallOptions {
  interfaceName: string;
}

export interface ConfirmOptions extends PoolCallOptions {
  /** The attachment that the caller wants; what is returned of the others may be old. Default: none. */
  interfaceName?: string;
}

export interface PoolStoreOptions {
  logger: Logger;
  /** Pools should have no managedFields (decision 14); needs the right to update ippools, not only their status. Default false. */
  untracked?: boolean;
}

/** The outcome of an allocation. */
interface Written {
  allocation: Allocation;
  /** What was written, or found: the object, if there was one, and its content with earlier changes of the same write. */
  found: IPPool | undefined;
  before: PoolContent;
  after: PoolContent;
}

/** How long a released address rests, ms: by then, whoever still sent to its former pod has noticed. */
const coolDownMs = 60_000;

/** Number of idle pools whose last version is remembered, so that they can be written without being read first. */
const maxRemembered = 4096;

/**
 * The allocations, kept in IPPool objects. The API server is the arbiter: every change is a PUT of the status with the resourceVersion
 * that it is based on, and changes that wait for the same pool go into one PUT. Any number of processes may write at once.
 */
export class PoolStore {
  readonly #client: KubeClient;
  readonly #logger: Logger;
  readonly #untracked: boolean;
  readonly #writers = new Map<string, PoolWriter>();
  readonly #proof: NetworkProof;
  /** Which pages of node-independent networks have room. */
  readonly pages: PageDirectory;

  constructor(client: KubeClient, options: PoolStoreOptions) {
    this.#client = client;
    this.#proof = new NetworkProof(client);
    this.pages = new PageDirectory(client);
    this.#logger = options.logger;
    this.#untracked = options.untracked ?? false;
  }

  /** A pool's content as the API server has it now; empty if the pool does not exist. @throws ApiError, TransportError, MultiNicError */
  async read(pool: string, timeoutMs: number): Promise<PoolContent> {
    return readPool(await this.#client.find(ipPools, { name: pool }, { timeoutMs }));
  }

  /**
   * Allocates addresses to an attachment, or returns those that it holds already.
   * @param claim what to take, or the function that chooses it from the content that is written, called again after each conflict
   * @throws what the choice throws; MultiNicError MNN_POOL_FULL, MNN_ADDRESS_TAKEN, MNN_ADDRESS_OUTSIDE, MNN_NETWORK_NOT_READY, MNN_DEADLINE
   */
  async allocate(
    pool: PoolRef,
    claim: Claim | ((before: PoolContent) => Claim),
    options: PoolCallOptions,
  ): Promise<Allocation> {
    const { network, page } = pool.spec;
    const left = timeLeft(options.timeoutMs);
    const written = await this.#change(pool.name, options, {
      ifAbsent: () => newPool(pool),
      apply: (before, found) => {
        checkOwner(pool, found);
        if (found) this.#proof.see(found);
        const grant = allocate(before, typeof claim === 'function' ? claim(before) : claim, this.#rules());
        if (!grant.ok) throw refusal(pool, grant);
        const result = { allocation: grant.allocation, found, before, after: grant.content ?? before };
        return { content: grant.content && { ...grant.content, ...defined({ capacity: pool.capacity }) }, result };
      },
    });
    if (!options.dryRun) await this.#prove(pool, written, left);
    const count = attachmentsIn(written.after.allocations);
    const next = page === undefined || options.dryRun ? undefined : this.pages.hasRecords(network, page, count);
    if (next !== undefined)
      this.#prepare({ ...pool, name: pagePoolName(network, next), spec: { ...pool.spec, page: next } });
    return written.allocation;
  }

  /**
   * Nobody knows whether the writer of a record that was found got this far: it may have died, or its answer was lost.
   * @throws MultiNicError MNN_NETWORK_NOT_READY where the network is another one by now; a new record is then taken back; PoolDeadlineError
   */
  async #prove(
    { name, spec, networkUid, networkGeneration }: PoolRef,
    written: Written,
    left: () => number,
  ): Promise<void> {
    if (networkGeneration === undefined) return;
    const { allocation, found, before, after } = written;
    const version = { uid: networkUid, generation: networkGeneration };
    const isLatest =
      this.#proof.isProven(before, found, version) ||
      (await this.#proof.isLatest(spec.network, version, left()).catch((error: unknown) => {
        throw new PoolDeadlineError(name, error);
      }));
    if (isLatest) {
      this.#proof.keep(after, version);
      return;
    }
    // A record from before may belong to a running pod: it, or another in its place, is granted once our copy has caught up.
    if (after !== before) {
      const own = formatRecord(allocation);
      await this.release(name, record => formatRecord(record) === own, { timeoutMs: left() });
    }
    throw new MultiNicError('MNN_NETWORK_NOT_READY', `network ${spec.network} was changed just now`);
  }

  /** Nobody waits for this: it ends by itself, and if it fails, whoever takes from the pool does it. */
  #prepare(pool: PoolRef): void {
    void this.#writer(pool.name).prepare(newPool(pool));
  }

  /** Releases the records that match. A pool that does not exist has none. */
  release(pool: string, matches: (record: Allocation) => boolean, options: PoolCallOptions): Promise<void> {
    return this.#change(pool, options, {
      apply: before => ({ content: release(before, matches, this.#rules()), result: undefined }),
    });
  }

  /**
   * Makes a pod's reservation its own, and returns what it holds: nothing if the reservation was given up before, or is another pod's.
   * @throws MultiNicError MNN_DEADLINE
   */
  confirm(pool: string, pod: Holder, { interfaceName, ...options }: ConfirmOptions): Promise<Allocation[]> {
    return this.#change(pool, options, {
      apply: before => {
        const content = confirm(before, pod, this.#client.serverTime);
        if (content) this.#proof.carry(before, content);
        const { allocations } = content ?? before;
        const own = allocations.filter(r => r.podUID === pod.uid && r.state !== 'Released');
        // A pod keeps what it holds for as long as it lives.
        return { content, result: own, holds: own.some(r => r.interface === interfaceName) };
      },
    });
  }

  /**
   * The record of a pod's attachment, even if it is only reserved so far; from the API server's cache if that has it.
   * @throws MultiNicError MNN_DEADLINE
   */
  find(pool: string, pod: Holder, { interfaceName, ...options }: FindOptions): Promise<Allocation | undefined> {
    return this.#change(pool, options, {
      apply: ({ allocations }) => {
        const own = (r: Allocation): boolean =>
          (r.podUID === pod.uid && r.state !== 'Released') || isReservedFor(r, pod);
        const record = allocations.find(r => r.interface === interfaceName && own(r));
        // A record lives as long as its pod, and no reservation is given up while its pod exists.
        return { content: undefined, result: record, holds: record !== undefined };
      },
    });
  }

  /** A watch tells of a pool's version, and will tell of each later one: a pool that was used here need not be read before it is written. */
  learn(pool: IPPool): void {
    this.#proof.see(pool);
    this.#writers.get(pool.metadata.name)?.learn(pool);
  }

  /** A watch tells that a pool was deleted, after or at this version. */
  learnGone({ name, resourceVersion }: ObjectMeta): void {
    this.#writers.get(name)?.learnGone(resourceVersion);
  }

  /** The watch that told of pools has ended, or has missed something; or etcd has gone back in time. */
  unfollow(): void {
    this.#proof.forgetVersions();
    for (const writer of this.#writers.values()) writer.unfollow();
  }

  /** The watch that told of this pool has ended. */
  unfollowPool(name: string): void {
    this.#writers.get(name)?.unfollow();
  }

  /** All writers date by one clock, the API server's: that of a node may be hours off, and how long addresses rest follows from the dates. */
  #rules(): Rules {
    return { now: this.#client.serverTime, coolDownMs };
  }

  #change<T>(name: string, options: PoolCallOptions, change: Pick<Change<T>, 'ifAbsent' | 'apply'>): Promise<T> {
    return this.#writer(name).submit({ ...change, ...options, dryRun: options.dryRun ?? false });
  }

  #writer(name: string): PoolWriter {
    const writer =
      this.#writers.get(name) ??
      new PoolWriter(this.#client, name, { logger: this.#logger, untracked: this.#untracked });
    // Re-inserted at the end: the map's order is the order of use.
    this.#writers.delete(name);
    this.#writers.set(name, writer);
    this.#forgetIdle();
    return writer;
  }

  #forgetIdle(): void {
    for (const [name, writer] of this.#writers) {
      if (this.#writers.size <= maxRemembered) return;
      if (writer.idle) this.#writers.delete(name);
    }
  }
}
