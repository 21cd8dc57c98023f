import { openPage } from '../../core/pool/pages.ts';
import type { KubeClient } from '../api/client.ts';
import { sleep } from '../api/deadline.ts';
import { ApiError, isRetryable } from '../api/errors.ts';
import { listPoolRows, type PoolRow } from './poolTable.ts';

/** Pause before a request that came to nothing is made again. */
const retryMs = 50;

/** Pages that were full are looked at again after this, ms: addresses come back. */
const staleMs = 60_000;

interface Known {
  full: Set<number>;
  readAt: number;
  /** Under way: all who want to know more wait for the same answer. */
  reading?: Promise<Known>;
}

/**
 * Which pages of node-independent networks are full, as far as this process knows: a wrong answer costs a try. It is learned from tries, and
 * now and then from the printer columns of all pages, which are a hundredth of their content.
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
    if (known.full.size > 0 && performance.now() - known.readAt > staleMs) await refresh();
    for (;;) {
      // All processes have the same: a reservation is confirmed by any of them, so on pages of their own they would meet as often, but with
      // fewer changes in a write.
      const page = openPage(count, candidate => known.full.has(candidate) || tried.has(candidate));
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

  #remember(network: string, full: Iterable<number>): Known {
    const known = { full: new Set(full), readAt: performance.now() };
    this.#networks.set(network, known);
    return known;
  }

  #read(network: string, known: Known, timeoutMs: number): Promise<Known> {
    known.reading ??= this.#fullPages(network, timeoutMs)
      .then(full => this.#remember(network, full))
      .finally(() => delete known.reading);
    return known.reading;
  }

  async #fullPages(network: string, timeoutMs: number): Promise<number[]> {
    const rows = await this.#rows(network, timeoutMs);
    return rows.flatMap(({ page, used, capacity }) => {
      const isFull = used !== undefined && capacity !== undefined && used >= capacity;
      return isFull && page !== undefined ? [page] : [];
    });
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
