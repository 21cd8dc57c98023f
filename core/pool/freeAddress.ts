import { isUsable } from '../layout/layout.ts';
import { type IpCidr, lastOf } from '../net/cidr.ts';

/** A range to take an address from: a block, or a page of one. */
export interface AddressRange {
  block: IpCidr;
  excludes: readonly IpCidr[];
  /** Those of the excludes that a pod gets if it asks for them. */
  gateways?: readonly IpCidr[];
  /** First and last address of the part in question; the whole block where absent. */
  first?: bigint;
  last?: bigint;
}

/**
 * The next free address after `cursor`, wrapping around (next-fit: what was freed last is taken last).
 * It takes as many steps as there are taken addresses between the cursor and the free one, however large the range is.
 * @param isTaken whether an address must not be given out
 * @param cursor the address given out last; undefined: start at the beginning
 */
export function nextFree(
  range: AddressRange,
  isTaken: (address: bigint) => boolean,
  cursor: bigint | undefined,
): bigint | undefined {
  const first = range.first ?? range.block.base;
  const last = range.last ?? lastOf(range.block);
  const start = cursor === undefined || cursor < first || cursor >= last ? first : cursor + 1n;
  return search(range, isTaken, start, last) ?? (start > first ? search(range, isTaken, first, start - 1n) : undefined);
}

function search(
  range: AddressRange,
  isTaken: (address: bigint) => boolean,
  from: bigint,
  to: bigint,
): bigint | undefined {
  const { block, excludes } = range;
  let value = from;
  while (value <= to) {
    const exclude = excludes.find(e => e.base <= value && value <= lastOf(e));
    if (exclude) value = lastOf(exclude) + 1n;
    else if (!isTaken(value) && isUsable(block, excludes, { family: block.family, value })) return value;
    else value++;
  }
  return undefined;
}
