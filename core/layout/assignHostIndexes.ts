import { hostIndexes, type HostPage, hostsPerPage } from './hostIndex.ts';

/** Which indexes a network has to give. */
export interface IndexRules {
  /** How many there are (2^hostBlock). */
  limit: number;
  /** Whether one may be given out: an exclude may cover its blocks. */
  usable: (index: number) => boolean;
  /** The index under which pods on a host hold addresses. Default: of no host. */
  held?: ReadonlyMap<string, number>;
}

/**
 * Gives every host an index: those that have one inside the limit keep it; hosts that are gone lose theirs; new ones get the index after the highest in
 * use (so that a freed one rests), or the lowest free one once the end is reached. The order of `hosts` decides between new ones. Before them come
 * hosts whose pods hold addresses under an index that no page tells any more.
 * @returns the pages that differ from before, whole, and the hosts that found no index
 */
export function assignHostIndexes(
  pages: readonly HostPage[],
  hosts: readonly string[],
  { limit, usable, held = new Map() }: IndexRules,
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
