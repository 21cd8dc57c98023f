import type { Logger } from 'pino';
import type { IPPool } from '../../core/api/types.ts';
import { type PoolContent, readPool } from '../../core/pool/content.ts';
import type { KubeClient } from '../api/client.ts';
import type { CallOptions } from '../api/clientOptions.ts';
import { sleep, timeLeft } from '../api/deadline.ts';
import { isLostRace, isNotFound, isRetryable } from '../api/errors.ts';
import { ipPools } from '../api/resources.ts';
import { isOlderVersion } from '../api/resourceVersion.ts';
import { patientBackoff, tryMs } from '../api/retry.ts';
import { answer, applyAll, type Change, type Waiting } from './poolChange.ts';
import { PoolDeadlineError } from './poolDeadline.ts';
import { writeContent } from './writeContent.ts';

export interface PoolWriterOptions {
  logger: Logger;
  /** The pool is to have no managedFields; takes the right to update ippools. */
  untracked: boolean;
}

/**
 * How long to write on the last version seen without reading first, ms: in a burst of pods it is mostly still the latest; later, the
 * node's agent has mostly written, and a conflict costs one request more than reading.
 */
const freshMs = 2000;

/** Time-out of requests that no change has asked for, ms: changes that come meanwhile have to wait for them. */
const unaskedTimeoutMs = 1000;

/** A request is ended this long before the deadline of its changes, ms, so that they can report why it failed. */
const lastWordsMs = 20;

/** Writes one pool: collects the changes that wait, applies them to the latest version and writes them at once. */
export class PoolWriter {
  readonly #client: KubeClient;
  readonly #name: string;
  readonly #options: PoolWriterOptions;
  #waiting: Waiting[] = [];
  #running = false;
  /** Set while every waiting change may wait longer. */
  #starter: NodeJS.Timeout | undefined;
  /** The last version seen; if it is old, a PUT finds that out. */
  #known: IPPool | undefined;
  #knownAt = -Infinity;
  /** Whether a watch has told of the known version, and so will of each later one. */
  #isFollowed = false;
  /** What the last try was based on. */
  #tried: IPPool | undefined;
  /** What was last read of the pool. */
  #content: PoolContent | undefined;
  /** The API server's answer to the last try, if that failed. */
  #lastError: unknown;

  constructor(client: KubeClient, name: string, options: PoolWriterOptions) {
    this.#client = client;
    this.#name = name;
    this.#options = options;
  }

  /** Whether nothing waits or runs. */
  get idle(): boolean {
    return !this.#running && this.#waiting.length === 0;
  }

  /** @throws what the change's apply() threw; PoolDeadlineError */
  submit<T>(change: Change<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    // The caller is answered in time even while a request of the batch hangs.
    const timer = setTimeout(() => {
      reject(this.#deadline());
    }, change.timeoutMs);
    const settle = (result: unknown): void => {
      resolve(result as T);
    };
    const now = performance.now();
    const times = { deadline: now + change.timeoutMs, due: now + (change.patienceMs ?? 0) };
    this.#waiting.push({ ...change, ...times, resolve: settle, reject });
    if (!this.#running) this.#runWhenDue();
    return promise.finally(() => {
      clearTimeout(timer);
    });
  }

  /** A watch tells of a version, and of each later one from now on. */
  learn(pool: IPPool): void {
    const { resourceVersion } = pool.metadata;
    // An answer may have been faster; of versions that cannot be compared nothing is learned.
    if (this.#known && isOlderVersion(resourceVersion, this.#known.metadata.resourceVersion) !== false) return;
    this.#know(pool);
    this.#isFollowed = true;
  }

  /** A watch tells that the pool was deleted, after or at this version. */
  learnGone(resourceVersion: string | undefined): void {
    const isCreatedAgain = isOlderVersion(resourceVersion, this.#known?.metadata.resourceVersion);
    if (!isCreatedAgain) this.#forget();
  }

  /** Nothing tells of the pool any more, or something was missed: what was told last may be of a future that etcd has lost. */
  unfollow(): void {
    this.#forget();
  }

  /** Creates the pool if there is none, and learns its version, so that the first to take from it need not wait for that. Never rejects. */
  async prepare(template: IPPool): Promise<void> {
    if (this.idle) await this.#run(() => this.#prepare(template));
  }

  async #prepare(template: IPPool): Promise<void> {
    const limit = { timeoutMs: unaskedTimeoutMs };
    try {
      this.#know((await this.#read('0', limit)) ?? (await this.#client.create(ipPools, template, limit)));
    } catch (error) {
      this.#options.logger.debug(
        { pool: this.#name, err: error },
        'the pool could not be created ahead: whoever takes from it will create it',
      );
    }
  }

  #runWhenDue(): void {
    clearTimeout(this.#starter);
    this.#starter = undefined;
    if (this.#waiting.length === 0) return;
    const waitMs = Math.min(...this.#waiting.map(({ due }) => due)) - performance.now();
    if (waitMs > 0) this.#starter = setTimeout(() => void this.#run(), waitMs);
    else void this.#run();
  }

  async #run(work = () => this.#settle()): Promise<void> {
    this.#running = true;
    await work();
    if (this.#options.untracked && this.#known?.metadata.managedFields) await this.#untrack(this.#known);
    this.#running = false;
    this.#runWhenDue();
  }

  /** Answers every waiting change, including those that come while it tries. */
  async #settle(): Promise<void> {
    let open: Waiting[] = [];
    let mayTryCopy = true;
    this.#lastError = undefined;
    const backoff = patientBackoff();
    for (;;) {
      open = [...open, ...this.#waiting];
      this.#waiting = [];
      const now = performance.now();
      for (const late of open.filter(({ deadline }) => deadline <= now)) late.reject(this.#deadline());
      open = open.filter(({ deadline }) => deadline > now);
      // A dry run has no write that would prove its copy the latest.
      const mayBeOld = mayTryCopy && open.some(({ dryRun }) => !dryRun);
      mayTryCopy = false;
      try {
        if (open.length === 0 || (await this.#attempt(open, mayBeOld))) return;
      } catch (error) {
        this.#lastError = error;
        // What a watch has told meanwhile is what the other one wrote.
        mayTryCopy = this.#isFollowed && this.#known !== this.#tried;
        if (!mayTryCopy) this.#forget();
        if (isLostRace(error)) {
          // Whoever wrote first mostly has more to write. Waiting for as long as a try takes avoids further conflicts, and takes along
          // the changes that come meanwhile.
          await sleep(Math.random() * (performance.now() - now));
          continue;
        }
        if (!isRetryable(error) && !isNotFound(error)) {
          for (const change of open) change.reject(error);
          return;
        }
        this.#options.logger.warn({ pool: this.#name, err: error }, 'writing the pool failed, trying again');
        await sleep(backoff.next());
      }
    }
  }

  /**
   * One try.
   * @param mayBeOld whether it may be based on a copy that is not the latest, which costs the API server half as much
   * @returns false if it was, and nothing was written that would prove the copy the latest
   */
  async #attempt(batch: Waiting[], mayBeOld: boolean): Promise<boolean> {
    const last = Math.max(...batch.map(({ deadline }) => deadline));
    const inAll = timeLeft(last - lastWordsMs - performance.now());
    const left = (): number => tryMs(inAll());
    const pool = (this.#tried = await this.#copy(mayBeOld, left()));
    const before = (this.#content = readPool(pool, this.#content));
    const now = performance.now();
    const [due, patient] = [batch.filter(change => change.due <= now), batch.filter(change => change.due > now)];
    const applied = applyAll(due, before, pool);
    if (applied.content === before) {
      // Only a PUT proves that the copy was the latest; most results without a PUT must not be based on an old copy.
      if (mayBeOld && !applied.outcomes.every(outcome => outcome.ok && outcome.holds)) return false;
      // Nothing is written for those that can wait until then.
      this.#waiting.unshift(...patient);
      answer(due, applied.outcomes);
      return true;
    }
    const later = applyAll(patient, applied.content, pool);
    await this.#write(pool, later.content, batch, left);
    answer([...due, ...patient], [...applied.outcomes, ...later.outcomes]);
    return true;
  }

  /** The last version seen, if a watch follows it or it was not long ago; else the API server's, from its cache if it may be old. */
  async #copy(mayBeOld: boolean, timeoutMs: number): Promise<IPPool | undefined> {
    const isFresh = this.#isFollowed || performance.now() - this.#knownAt <= freshMs;
    if (mayBeOld && this.#known && isFresh) return this.#known;
    const before = this.#known;
    const pool = await this.#read(mayBeOld ? '0' : undefined, { timeoutMs });
    const isOlder = isOlderVersion(pool?.metadata.resourceVersion, before?.metadata.resourceVersion);
    // What was known before the question says nothing against the answer: etcd may have been restored.
    if (!pool || (isOlder && this.#known === before)) this.#forget();
    return pool && this.#know(pool);
  }

  #read(resourceVersion: '0' | undefined, options: CallOptions): Promise<IPPool | undefined> {
    return this.#client.find(ipPools, { name: this.#name }, { ...options, resourceVersion });
  }

  /** Keeps what the API server said, unless a watch has told of a later version meanwhile. @returns what is kept */
  #know(pool: IPPool): IPPool {
    const [before, now] = [this.#known?.metadata.resourceVersion, pool.metadata.resourceVersion];
    this.#knownAt = performance.now();
    if (this.#known && isOlderVersion(now, before)) return this.#known;
    this.#known = pool;
    this.#isFollowed &&= before === now;
    return pool;
  }

  #forget(): void {
    this.#known = undefined;
    this.#isFollowed = false;
  }

  async #write(pool: IPPool | undefined, content: PoolContent, batch: Waiting[], left: () => number): Promise<void> {
    const base = pool ?? (await this.#create(batch, left()));
    this.#content = content;
    this.#know(await writeContent(this.#client, base, content, { timeoutMs: left() }));
  }

  async #create(batch: Waiting[], timeoutMs: number): Promise<IPPool> {
    const template = batch.find(change => change.ifAbsent && !change.dryRun)?.ifAbsent?.();
    if (!template) throw new Error(`pool ${this.#name} has a new status, but no change in the batch can make it`);
    return this.#client.create(ipPools, template, { timeoutMs });
  }

  /**
   * Removes the pool's managedFields, once in the pool's life and after its changes are answered: an API server that has none for an object
   * keeps none from then on, and a write costs it a third less. If this fails, it is left to the next write.
   */
  async #untrack(pool: IPPool): Promise<void> {
    const metadata = { ...pool.metadata, managedFields: [{}] };
    try {
      this.#know(await this.#client.update(ipPools, { ...pool, metadata }, { timeoutMs: unaskedTimeoutMs }));
    } catch (error) {
      this.#forget();
      this.#options.logger.debug({ pool: this.#name, err: error }, 'the pool keeps its managedFields for now');
    }
  }

  #deadline(): PoolDeadlineError {
    return new PoolDeadlineError(this.#name, this.#lastError);
  }
}
