/** Host indexes of one network, kept in pages of 64 so that a new host costs one small write. */

export const hostsPerPage = 64;

/** A page's content, as in CIDR objects. */
export interface HostPage {
  page: number;
  hosts: { hostName: string; hostIndex: number }[];
}

/** Name of the CIDR object that holds a page. */
export function pageName(network: string, page: number): string {
  return `${network}-${page}`;
}

/** Host name → index over all pages. Should a host ever be listed twice, every reader takes the lower index, in whatever order pages come. */
export function hostIndexes(pages: Iterable<HostPage>): ReadonlyMap<string, number> {
  const all = new HostIndexes();
  let count = 0;
  for (const page of pages) all.setPage(String(count++), page);
  return all.indexes;
}

/** The host indexes of one network, from pages that come, change and go one by one: each change costs only that page's content. */
export class HostIndexes {
  readonly #pages = new Map<string, HostPage>();
  readonly #indexes = new Map<string, number>();
  /** Hosts that are listed twice, in one page or two. */
  readonly #doubled = new Set<string>();

  /** Changes with the pages. */
  get indexes(): ReadonlyMap<string, number> {
    return this.#indexes;
  }

  /** Replaces a page with its new version; undefined removes it. @returns the hosts whose index changed */
  setPage(name: string, page: HostPage | undefined): string[] {
    const { before, after } = differing(this.#pages.get(name)?.hosts ?? [], page?.hosts ?? []);
    if (page) this.#pages.set(name, page);
    else this.#pages.delete(name);
    const earlier = new Map<string, number | undefined>();
    for (const { hostName } of [...before, ...after]) earlier.set(hostName, this.#indexes.get(hostName));
    const hosts = [...earlier.keys()];
    if (hosts.some(host => this.#doubled.has(host))) this.#readAll();
    else {
      for (const { hostName } of before) this.#indexes.delete(hostName);
      for (const entry of after) this.#add(entry);
    }
    return hosts.filter(host => this.#indexes.get(host) !== earlier.get(host));
  }

  #readAll(): void {
    this.#indexes.clear();
    this.#doubled.clear();
    for (const { hosts } of this.#pages.values()) for (const entry of hosts) this.#add(entry);
  }

  #add({ hostName, hostIndex }: HostPage['hosts'][number]): void {
    const known = this.#indexes.get(hostName);
    if (known !== undefined) this.#doubled.add(hostName);
    this.#indexes.set(hostName, Math.min(hostIndex, known ?? hostIndex));
  }
}

/** Both without their common beginning: a new host is mostly listed after the others. */
function differing<Entry extends HostPage['hosts'][number]>(
  before: readonly Entry[],
  after: readonly Entry[],
): Record<'before' | 'after', readonly Entry[]> {
  let same = 0;
  while (
    same < before.length &&
    before[same]?.hostName === after[same]?.hostName &&
    before[same]?.hostIndex === after[same]?.hostIndex
  )
    same += 1;
  return { before: before.slice(same), after: after.slice(same) };
}

/**
 * Gives every host an index: those that have one inside the limit keep it; hosts that are gone lose theirs; new ones get the index after the highest in
 * use (so that a freed one rests), or the lowest free one once the end is reached. The order of `hosts` decides between new ones. Before them come
 * hosts whose pods hold addresses under an index that no page tells any more.
 * @param usable whether a host index may be given out (an exclude may cover its blocks)
 * @param limit how many indexes there are (2^hostBlock)
 * @param held the index under which pods on a host hold addresses
 * @returns the pages that differ from before, whole, and the hosts that found no index
 */
export function assignHostIndexes(
  pages: readonly HostPage[],
  hosts: readonly string[],
  limit: number,
  usable: (index: number) => boolean,
  held: ReadonlyMap<string, number> = new Map(),
): { changed: HostPage[]; unassigned: string[] } {
  const wanted = new Set(hosts);
  const before = hostIndexes(pages);
  const after = new Map([...before].filter(([host, index]) => wanted.has(host) && index < limit));
  const used = new Set(after.values());
  const isLost = (host: string, index: number): boolean =>
    wanted.has(host) && !after.has(host) && index < limit && !used.has(index);
  for (const [host, index] of held) {
    if (!isLost(host, index)) continue;
    used.add(index);
    after.set(host, index);
  }
  let next = Math.max(-1, ...before.values(), ...used) + 1;
  let lowest = 0;
  const unassigned: string[] = [];
  const isFree = (index: number): boolean => !used.has(index) && usable(index);
  for (const host of hosts) {
    if (after.has(host)) continue;
    while (next < limit && !isFree(next)) next++;
    while (next >= limit && lowest < limit && !isFree(lowest)) lowest++;
    const index = next < limit ? next : lowest;
    if (index >= limit) {
      unassigned.push(host);
      continue;
    }
    used.add(index);
    after.set(host, index);
  }
  return { changed: changedPages(pages, after), unassigned };
}

/** The pages that differ once every host has the index in `after`, with their whole content; one without hosts is to be deleted. */
export function changedPages(pages: readonly HostPage[], after: ReadonlyMap<string, number>): HostPage[] {
  const byPage = new Map<number, HostPage['hosts']>(pages.map(({ page }) => [page, []]));
  for (const [hostName, hostIndex] of after) {
    const page = Math.floor(hostIndex / hostsPerPage);
    const hosts = byPage.get(page) ?? [];
    hosts.push({ hostName, hostIndex });
    byPage.set(page, hosts);
  }
  const before = new Map(pages.map(({ page, hosts }) => [page, fingerprint(hosts)]));
  return [...byPage]
    .map(([page, hosts]) => ({ page, hosts: hosts.sort((a, b) => a.hostIndex - b.hostIndex) }))
    .filter(({ page, hosts }) => before.get(page) !== fingerprint(hosts))
    .sort((a, b) => a.page - b.page);
}

function fingerprint(hosts: HostPage['hosts']): string {
  return hosts
    .map(({ hostName, hostIndex }) => `${hostIndex} ${hostName}`)
    .sort()
    .join('\n');
}
