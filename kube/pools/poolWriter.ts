import type { Logger } from 'pino';
import type { IPPool } from '../../core/api/types.ts';
import { formatPool, readPool, type PoolContent } from '../../core/pool/content.ts';
import type { KubeClient } from '../api/client.ts';
import { sleep } from '../api/deadline.ts';
import { isAlreadyExists, isConflict, isNotFound, isRetryable } from '../api/errors.ts';
import { ipPools } from '../api/resources.ts';
import { PoolDeadlineError } from './poolDeadline.ts';

/** One change that waits for a pool. */
export interface Change<T> {
  /** The object to make where there is none; absent: then there is nothing to change. */
  ifAbsent?: () => IPPool;
  /**
   * What the change makes of the pool's content, and its result. Called again, on newer content, after a conflict; an error it throws is
   * the answer to this change alone. Undefined content changes nothing.
   */
  apply(before: PoolContent): { content: PoolContent | undefined; result: T };
  timeoutMs: number;
  dryRun: boolean;
  /** How long it may wait for others to go along with, ms. Default: not at all. */
  patienceMs?: number;
}

interface Waiting extends Change<unknown> {
  deadline: number;
  /** When it goes even if it goes alone. */
  due: number;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

export interface PoolWriterOptions {
  log: Logger;
  /** The pool is to have no managedFields; takes the right to update ippools. */
  untracked: boolean;
}

type Outcome = { ok: true; result: unknown } | { ok: false; error: unknown };

/**
 * How long the last version seen is worth a write without reading first, ms: in a burst of pods it mostly still is the latest; later the
 * node's agent has mostly written, and a conflict costs a request more than reading.
 */
const freshMs = 2000;

/** What giving up managedFields may take, ms: changes that come meanwhile wait for it. */
const untrackTimeoutMs = 1000;

/** Pause before a write that failed otherwise than by a conflict is tried again. */
const retryMs = 50;

/** Writes one pool: collects the changes that wait, applies them to the latest version and writes them at once. */
export class PoolWriter {
  readonly #client: KubeClient;
  readonly #name: string;
  readonly #options: PoolWriterOptions;
  #waiting: Waiting[] = [];
  #running = false;
  /** Set while all that waits is patient. */
  #starter: NodeJS.Timeout | undefined;
  /** The last version seen; it may be stale, which a PUT finds out. */
  #known: IPPool | undefined;
  #knownAt = -Infinity;
  /** What was read of the pool last. */
  #content: PoolContent | undefined;

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
    // The caller is answered in time also while a request of the batch hangs.
    const timer = setTimeout(() => {
      reject(this.#deadline(undefined));
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

  #runWhenDue(): void {
    clearTimeout(this.#starter);
    this.#starter = undefined;
    if (this.#waiting.length === 0) return;
    const waitMs = Math.min(...this.#waiting.map(({ due }) => due)) - performance.now();
    if (waitMs > 0) this.#starter = setTimeout(() => void this.#run(), waitMs);
    else void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    await this.#settle();
    if (this.#options.untracked && this.#known?.metadata.managedFields) await this.#untrack(this.#known);
    this.#running = false;
    this.#runWhenDue();
  }

  /** Answers every change that waits, also those that come while it tries. */
  async #settle(): Promise<void> {
    let open: Waiting[] = [];
    let lastError: unknown;
    for (;;) {
      open = [...open, ...this.#waiting];
      this.#waiting = [];
      const now = performance.now();
      for (const late of open.filter(({ deadline }) => deadline <= now)) late.reject(this.#deadline(lastError));
      open = open.filter(({ deadline }) => deadline > now);
      try {
        if (open.length === 0 || (await this.#attempt(open))) return;
      } catch (error) {
        lastError = error;
        this.#known = undefined;
        if (isConflict(error) || isAlreadyExists(error)) {
          // Whoever wrote first has mostly more to write. Who waits for as long as a try takes meets others less often, and takes along
          // what comes meanwhile.
          await sleep(Math.random() * (performance.now() - now));
          continue;
        }
        if (!isRetryable(error) && !isNotFound(error)) {
          for (const change of open) change.reject(error);
          return;
        }
        this.#options.log.warn({ pool: this.#name, err: error }, 'writing the pool failed, trying again');
        await sleep(retryMs);
      }
    }
  }

  /** One try. @returns false where it rested on a stale copy and nothing was written, so that it must be read again */
  async #attempt(batch: Waiting[]): Promise<boolean> {
    const timeoutMs = Math.max(1, Math.max(...batch.map(({ deadline }) => deadline)) - performance.now());
    if (performance.now() - this.#knownAt > freshMs) this.#known = undefined;
    const isFresh = this.#known === undefined;
    const pool = (this.#known ??= await this.#client.find(ipPools, { name: this.#name }, { timeoutMs }));
    let content = (this.#content = readPool(pool, this.#content));
    let changed = false;
    const outcomes = batch.map((change): Outcome => {
      try {
        const applied = change.apply(content);
        if (applied.content && !change.dryRun) {
          content = applied.content;
          changed = true;
        }
        return { ok: true, result: applied.result };
      } catch (error) {
        return { ok: false, error };
      }
    });
    // Only a PUT proves that the copy was the latest; an answer that rests on none must not rest on an old copy.
    if (!changed && !isFresh) {
      this.#known = undefined;
      return false;
    }
    if (changed) await this.#write(pool, content, batch, timeoutMs);
    for (const [i, change] of batch.entries()) {
      const outcome = outcomes[i];
      if (outcome?.ok) change.resolve(outcome.result);
      else change.reject(outcome?.error);
    }
    return true;
  }

  async #write(pool: IPPool | undefined, content: PoolContent, batch: Waiting[], timeoutMs: number): Promise<void> {
    const base = pool ?? (await this.#create(batch, timeoutMs));
    this.#content = content;
    this.#known = await this.#client.updateStatus(ipPools, { ...base, status: formatPool(content) }, { timeoutMs });
    this.#knownAt = performance.now();
  }

  async #create(batch: Waiting[], timeoutMs: number): Promise<IPPool> {
    const template = batch.find(change => change.ifAbsent && !change.dryRun)?.ifAbsent?.();
    if (!template) throw new Error(`pool ${this.#name} has a new status, but no change in the batch can make it`);
    return this.#client.create(ipPools, template, { timeoutMs });
  }

  /**
   * Gives up the pool's managedFields, once in its life and when its changes are answered: an API server that keeps none goes on keeping
   * none, and a write costs it a third less. What does not succeed is left to the next write.
   */
  async #untrack(pool: IPPool): Promise<void> {
    const metadata = { ...pool.metadata, managedFields: [{}] };
    try {
      this.#known = await this.#client.update(ipPools, { ...pool, metadata }, { timeoutMs: untrackTimeoutMs });
    } catch (error) {
      this.#known = undefined;
      this.#options.log.debug({ pool: this.#name, err: error }, 'the pool keeps its managedFields for now');
    }
  }

  #deadline(cause: unknown): PoolDeadlineError {
    return new PoolDeadlineError(this.#name, cause);
  }
}
