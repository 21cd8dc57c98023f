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
