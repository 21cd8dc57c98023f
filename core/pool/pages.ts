import type { Block } from '../layout/hostBlocks.ts';
import { usableCount } from '../layout/layout.ts';
import { bitsOf } from '../net/address.ts';
import { contains, type IpCidr, lastOf, overlap, sizeOf } from '../net/cidr.ts';
import { tryAddressOf } from '../net/interfaceAddress.ts';
import type { AddressRange } from './freeAddress.ts';

/**
 * Addresses of each range that one page of a node-independent network holds. A write costs what the page holds, so a page is small;
 * how many pages there are costs nothing.
 */
export const pageSize = 256;
const pageBits = Math.log2(pageSize);

type Range = Pick<Block, 'pod' | 'excludes' | 'gateways'>;

/** The part of a range that belongs to a page; undefined: all of it. */
export function pageOf({ pod, excludes, gateways = [] }: Range, page: number | undefined): AddressRange {
  const range: AddressRange = { block: pod, excludes, gateways };
  if (page === undefined) return range;
  const first = pod.base + BigInt(page) * BigInt(pageSize);
  const end = first + BigInt(pageSize) - 1n;
  const last = lastOf(pod);
  return { ...range, first, last: end < last ? end : last };
}

/** The page that an address lies in, counted from its range's first address. */
export function pageNumber({ base }: Block['pod'], address: bigint): number {
  return Number((address - base) / BigInt(pageSize));
}

/** The page of the first of the addresses (with or without prefix length) that lies in one of the ranges. */
export function pageAround(ranges: readonly Range[], addresses: readonly string[]): number | undefined {
  for (const text of addresses) {
    const address = tryAddressOf(text);
    const range = address && ranges.find(({ pod }) => contains(pod, address));
    if (range) return pageNumber(range.pod, address.value);
  }
  return undefined;
}

/** How many pages the smallest of the ranges has. */
export function pageCount(ranges: readonly Range[]): number {
  const smallest = ranges.reduce((least, { pod }) => (sizeOf(pod) < least ? sizeOf(pod) : least), 1n << 128n);
  return Number((smallest + BigInt(pageSize) - 1n) / BigInt(pageSize));
}

/** How many attachments a page has addresses for: what the range with the fewest has. */
export function pageCapacity(ranges: readonly Range[], page: number): number {
  const counts = ranges.map(({ pod, excludes }) => {
    const prefix = Math.max(pod.prefix, bitsOf(pod.family) - pageBits);
    const base = pod.base + BigInt(page) * BigInt(pageSize);
    return Number(usableCount(pod, excludes, { family: pod.family, base, prefix }));
  });
  return Math.min(...counts);
}

/** Pages in a row. */
export interface PageSpan {
  first: number;
  last: number;
}

/** Pages in which one of the ranges has nothing to give out, as excludes cover it there. */
export function excludedPages(ranges: readonly Range[]): PageSpan[] {
  return ranges.flatMap(({ pod, excludes }) => {
    const size = BigInt(pageSize);
    return unusableParts(pod, excludes).flatMap(([from, to]): PageSpan[] => {
      const first = (from - pod.base + size - 1n) / size;
      const end = to === lastOf(pod) ? (to - pod.base) / size + 1n : (to + 1n - pod.base) / size;
      return first < end ? [{ first: Number(first), last: Number(end) - 1 }] : [];
    });
  });
}

/** First and last address of each part of the block that is excluded, or not usable anyway (see isUsable); what adjoins is one part. */
function unusableParts(block: IpCidr, excludes: readonly IpCidr[]): [bigint, bigint][] {
  const [base, last] = [block.base, lastOf(block)];
  const parts = excludes.filter(e => overlap(e, block)).map((e): [bigint, bigint] => [e.base, lastOf(e)]);
  parts.push([base, base]);
  if (block.family === 4) parts.push([last, last]);
  parts.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const joined: [bigint, bigint][] = [];
  for (const [from, to] of parts) {
    const before = joined.at(-1);
    if (before && from <= before[1] + 1n) before[1] = to > before[1] ? to : before[1];
    else joined.push([from < base ? base : from, to]);
  }
  return joined.map(([from, to]) => [from, to > last ? last : to]);
}

/** The lowest pages that are not ruled out, so many at most: allocations stay close together. */
export function lowestPages(
  count: number,
  most: number,
  isOut: (page: number) => boolean,
  excluded: readonly PageSpan[] = [],
): number[] {
  const pages: number[] = [];
  // Beyond this, numbers are not exact.
  const end = Math.min(count, Number.MAX_SAFE_INTEGER);
  for (let page = 0; page < end && pages.length < most; page++) {
    const span = excluded.find(({ first, last }) => first <= page && page <= last);
    if (span) page = span.last;
    else if (!isOut(page)) pages.push(page);
  }
  return pages;
}
