import type { DeviceClassSpec, HostNic } from '../api/types.ts';
import { none } from './none.ts';
import type { Candidate, Choice, Wish } from './types.ts';

/**
 * Strategy `devClass`: the NICs of the class first, and the count of those. Selection has taken out all others before, so what is left is
 * chosen as with `none`; without a class it is `none`.
 */
export function devClass(usable: readonly Candidate[], wish: Wish): Choice {
  return none(usable, wish);
}

/** Whether a NIC's PCI vendor and product are listed together. Ids are hexadecimal: case and 0x do not matter. */
export function isOfClass({ vendor, product }: Pick<HostNic, 'vendor' | 'product'>, { ids }: DeviceClassSpec): boolean {
  if (vendor === undefined || product === undefined) return false;
  return ids.some(id => same(id.vendor, vendor) && id.products.some(listed => same(listed, product)));
}

function same(a: string, b: string): boolean {
  return plain(a) === plain(b);
}

function plain(id: string): string {
  return id.toLowerCase().replace(/^0x/, '');
}
