import { lowestPages } from '../../core/pool/pages.ts';
import type { KubeClient } from '../api/client.ts';
import { sleep } from '../api/deadline.ts';
import { ApiError, isRetryable } from '../api/errors.ts';
import { listPoolRows, type PoolRow } from './poolTable.ts';

/** Pause before a request that came to nothing is made again. */
const retryMs = 50;

/** Pages that were full are looked at again after this, ms: addresses come back. */
const staleMs = 60_000;

/** Attachments that a page may have before others are preferred: each makes every write of the page dearer. */
const comfortable = 32;

/** Among so many pages a process chooses: those that write at the same time seldom meet, and what is given out stays together. */
const choice = 8;

interface Known {
  full: Set<number>;
  /** Neither full nor comfortable. */
  crowded: Set<number>;
  /** What this process takes from, for as long as that is right. */
  current: number | undefined;
  readAt: number;
  /** Under way: all who want to know more wait for the same answer. */
  reading?: Promise<Known>;
}

/**
 * Which pages of node-independent networks to take from, as far as this process knows: a wrong answer costs a try. It is learned from what is
 * written, and now and then from the printer columns of all pages, which are a hundredth of their content.
 */
export class PageDirectory {
  readonly #client: KubeClient;
  readonly #networks = new Map<string, Known>();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /**
   * Pages to try, the best first; ends when there is none left.
   * @param count how many pages the network has
   * @param timeoutMs for the request that may be needed
   * @throws ApiError, TransportError
   */
  async *candidates(network: string, count: number, timeoutMs: number): AsyncGenerator<number, void> {
    const tried = new Set<number>();
    let known = this.#networks.get(network) ?? this.#remember(network, []);
    let isFresh = false;
    const refresh = async (): Promise<void> => {
      const latest = this.#networks.get(network) ?? known;
      isFresh = latest === known;
      known = isFresh ? await this.#read(network, known, timeoutMs) : latest;
    };
    if (known.full.size + known.crowded.size > 0 && performance.now() - known.readAt > staleMs) await refresh();
    for (;;) {
      const page = choose(known, count, tried);
      if (page === undefined) {
        if (isFresh) return;
        await refresh();
        continue;
      }
      tried.add(page);
      yield page;
      // Whoever comes back for another found this one full.
      known.full.add(page);
      if (!isFresh) await refresh();
    }
  }

  /** Tells how many attachments a page has, resting ones included. */
  hasRecords(network: string, page: number, count: number): void {
    const known = this.#networks.get(network);
    if (!known || count < comfortable || known.crowded.has(page)) return;
    known.crowded.add(page);
    if (known.current === page) known.current = undefined;
  }

  #remember(network: string, rows: readonly PoolRow[], current?: number): Known {
    const pagesWith = (isSo: (used: number, capacity: number) => boolean): Set<number> =>
      new Set(
        rows.flatMap(({ page, used = 0, capacity = Infinity }) =>
          page !== undefined && isSo(used, capacity) ? [page] : [],
        ),
      );
    const full = pagesWith((used, capacity) => used >= capacity);
    const known = { full, crowded: pagesWith(used => used >= comfortable), current, readAt: performance.now() };
    this.#networks.set(network, known);
    return known;
  }

  #read(network: string, known: Known, timeoutMs: number): Promise<Known> {
    known.reading ??= this.#rows(network, timeoutMs)
      .then(rows => this.#remember(network, rows, known.current))
      .finally(() => delete known.reading);
    return known.reading;
  }

  /** A pod is not refused because one request came to nothing. */
  async #rows(network: string, timeoutMs: number): Promise<PoolRow[]> {
    const until = performance.now() + timeoutMs;
    let answer: ApiError | undefined;
    for (;;) {
      try {
        return await listPoolRows(this.#client, { network, timeoutMs: Math.max(1, until - performance.now()) });
      } catch (error) {
        if (error instanceof ApiError) answer = error;
        if (!isRetryable(error)) throw error;
        // Of a request that the deadline ended, the answers before say more.
        if (performance.now() + retryMs >= until) throw answer ?? error;
        await sleep(retryMs);
      }
    }
  }
}

/** The page that is taken from; where that is none, or was tried, any of the lowest comfortable ones, else of those that have room at all. */
function choose(known: Known, count: number, tried: ReadonlySet<number>): number | undefined {
  const { current, full, crowded } = known;
  if (current !== undefined && current < count && !full.has(current) && !tried.has(current)) return current;
  const isOut = (page: number): boolean => full.has(page) || tried.has(page);
  const roomy = lowestPages(count, choice, page => isOut(page) || crowded.has(page));
  const pages = roomy.length > 0 ? roomy : lowestPages(count, choice, isOut);
  known.current = pages[Math.floor(Math.random() * pages.length)];
  return known.current;
}
