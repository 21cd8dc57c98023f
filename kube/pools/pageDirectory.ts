import { lowestPages, pageSize, type PageSpan } from '../../core/pool/pages.ts';
import type { KubeClient } from '../api/client.ts';
import { untilAnswered } from '../api/retry.ts';
import { listPoolRows, type PoolRow } from './poolTable.ts';

/** Pages that were full are tried again after this, ms: addresses come back. */
const staleMs = 60_000;

/** Number of attachments from which other pages are preferred: each one makes every write of the page dearer. */
const comfortable = 32;

/** The next page is prepared when the current one has room for only so many more: at 100 pods a second that leaves 80 ms for it. */
const readyAhead = 8;

/** Number of pages among which a process chooses: processes that write at the same time seldom meet, and allocations stay close together. */
const choice = 8;

/** Number of pages per call that are tried although they are full by their count, where the count may mislead. */
const mostDoubts = 4;

/** The pages of a network. */
export interface NetworkPages {
  count: number;
  /** Pages without an address to give out, determined when another page is chosen. Default: none. */
  excluded?: () => readonly PageSpan[];
  /** Whether attachments may leave NICs out: a page that is full by its count may then still have addresses of some NIC. */
  isPartial?: boolean;
  /** How many attachments a page has addresses for, excludes considered. Default: as many as it has addresses. */
  capacity?: (page: number) => number;
}

interface Known {
  /** Found full. */
  full: Set<number>;
  /** Full by the count of their attachments. */
  counted: Set<number>;
  /** Neither full nor comfortable. */
  crowded: Set<number>;
  /** How many attachments pages have; none where nothing is known. */
  used: Map<number, number>;
  /** The page that this process takes from, as long as it has room. */
  current?: number | undefined;
  /** The page that it takes from next. */
  next?: number | undefined;
  /** The pages as of the last call for the network. */
  pages: NetworkPages;
  readAt: number;
  /** Whether it is what the API server answered. */
  isRead: boolean;
  /** The request under way: all callers share its answer. */
  reading?: Promise<Known>;
}

/** What stays when the rows are read anew. */
type Before = Pick<Known, 'current' | 'next' | 'pages'> & Partial<Pick<Known, 'isRead'>>;

/**
 * Which pages of node-independent networks to take from, as far as this process knows: a wrong answer costs a try. It learns from what is
 * written and, now and then, from the printer columns of all pages, which are a hundredth of their content.
 */
export class PageDirectory {
  readonly #client: KubeClient;
  readonly #networks = new Map<string, Known>();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /**
   * Pages to try, the best first; ends when there is none left.
   * @param timeoutMs time-out of the request that may be needed
   * @throws ApiError, TransportError
   */
  async *candidates(network: string, pages: NetworkPages, timeoutMs: number): AsyncGenerator<number, void> {
    const tried = new Set<number>();
    let known = this.#networks.get(network) ?? this.#remember(network, [], { pages });
    known.pages = pages;
    let isFresh = false;
    const refresh = async (): Promise<void> => {
      const latest = this.#networks.get(network) ?? known;
      isFresh = latest === known;
      known = isFresh ? await this.#read(network, known, timeoutMs) : latest;
    };
    if (known.full.size + known.counted.size + known.crowded.size > 0 && performance.now() - known.readAt > staleMs)
      await refresh();
    for (;;) {
      const page = choose(known, tried);
      if (page === undefined) {
        if (isFresh) return;
        await refresh();
        continue;
      }
      tried.add(page);
      yield page;
      // A caller that comes back for another page found this one full.
      known.full.add(page);
      if (!isFresh) await refresh();
    }
  }

  /**
   * Whether so many pages at least have room for many more, as of the last minute: what is set aside in one then keeps nobody from an address.
   * @param least how many pages, and for how many more attachments each has addresses
   * @param timeoutMs time-out of the request that may be needed
   * @throws ApiError, TransportError
   */
  async isAmple(
    network: string,
    pages: NetworkPages,
    least: { pages: number; room: number },
    timeoutMs: number,
  ): Promise<boolean> {
    if (pages.count < least.pages) return false;
    let known = this.#networks.get(network) ?? this.#remember(network, [], { pages });
    if (!known.isRead || performance.now() - known.readAt > staleMs)
      known = await this.#read(network, known, timeoutMs);
    const { capacity = () => pageSize } = pages;
    const { used, counted } = known;
    const left = (page: number, of: number): number => of - (used.get(page) ?? 0);
    const filled = { has: (page: number) => left(page, pageSize) < least.room };
    // Excludes may leave a few addresses in each of very many pages, which are not all looked at for that.
    const some = lowest({ ...known, pages }, 2 * least.pages, [counted, filled]);
    return some.filter(page => left(page, capacity(page)) >= least.room).length >= least.pages;
  }

  /**
   * Tells how many attachments a page has, resting ones included.
   * @returns the next page, once, when it is time to prepare it
   */
  hasRecords(network: string, page: number, count: number): number | undefined {
    const known = this.#networks.get(network);
    if (!known) return undefined;
    known.used.set(page, count);
    if (count >= comfortable) {
      if (!known.crowded.has(page) && known.current === page) known.current = undefined;
      known.crowded.add(page);
      return undefined;
    }
    if (page !== known.current || known.next !== undefined || count < comfortable - readyAhead) return undefined;
    known.next = pick(known, new Set([page]));
    return known.next;
  }

  #remember(network: string, rows: readonly PoolRow[], before: Before): Known {
    const pagesWith = (isSo: (used: number, capacity: number) => boolean): Set<number> =>
      new Set(
        rows.flatMap(({ page, used = 0, capacity = Infinity }) =>
          page !== undefined && isSo(used, capacity) ? [page] : [],
        ),
      );
    const counted = pagesWith((used, capacity) => used >= capacity);
    const { current, next, pages, isRead = false } = before;
    const crowded = pagesWith(used => used >= comfortable);
    const readAt = performance.now();
    const used = new Map(rows.flatMap(({ page, used = 0 }) => (page === undefined ? [] : [[page, used] as const])));
    const known = { full: new Set<number>(), counted, crowded, used, current, next, pages, readAt, isRead };
    this.#networks.set(network, known);
    return known;
  }

  #read(network: string, known: Known, timeoutMs: number): Promise<Known> {
    known.reading ??= untilAnswered(timeoutMs, leftMs => listPoolRows(this.#client, { network, timeoutMs: leftMs }))
      .then(rows => this.#remember(network, rows, { ...known, isRead: true }))
      .finally(() => delete known.reading);
    return known.reading;
  }
}

/** The current page or, if there is none or it was tried already, the next one. */
function choose(known: Known, tried: ReadonlySet<number>): number | undefined {
  const { current, next, full, counted, crowded, pages } = known;
  const hasRoom = (page: number): boolean => page < pages.count && !full.has(page) && !tried.has(page);
  if (current !== undefined && hasRoom(current) && (pages.isPartial || !counted.has(current))) return current;
  known.current = next !== undefined && hasRoom(next) && !crowded.has(next) ? next : pick(known, tried);
  known.next = undefined;
  return known.current;
}

/** Any of the lowest comfortable pages, else of those that have room at all, else of those that may only seem to have none. */
function pick(known: Known, tried: ReadonlySet<number>): number | undefined {
  const { counted, crowded, pages } = known;
  const doubts = [...tried].filter(page => counted.has(page)).length;
  const lists = [() => lowest(known, choice, [tried, counted, crowded]), () => lowest(known, choice, [tried, counted])];
  if (pages.isPartial && doubts < mostDoubts) lists.push(() => lowest(known, choice, [tried]));
  for (const list of lists) {
    const some = list();
    if (some.length > 0) return some[Math.floor(Math.random() * some.length)];
  }
  return undefined;
}

/** The lowest pages that were not found full, so many at most, without those in the sets. */
function lowest({ full, pages }: Known, most: number, out: readonly Pick<ReadonlySet<number>, 'has'>[]): number[] {
  const { count, excluded = () => [] } = pages;
  return lowestPages(count, most, page => [full, ...out].some(set => set.has(page)), excluded());
}
