import { MultiNicError } from '../errors.ts';
import { bitsOf, type Family, formatAddress, type IpAddress, tryParseAddress } from './address.ts';
import { parsePrefix } from './dotted.ts';

/** A network: its first address and its prefix length. `base` has no bit set behind the prefix. */
export interface IpCidr {
  readonly family: Family;
  readonly base: bigint;
  readonly prefix: number;
}

/**
 * Reads `address/prefix`; bits behind the prefix are cleared.
 * @throws MultiNicError MNN_CIDR_INVALID
 */
export function parseCidr(text: string): IpCidr {
  const cidr = tryParseCidr(text);
  if (!cidr) throw new MultiNicError('MNN_CIDR_INVALID', `"${text}" is not a network in CIDR notation`);
  return cidr;
}

/** As parseCidr, but undefined where the text is not a network. */
export function tryParseCidr(text: string): IpCidr | undefined {
  const slash = text.lastIndexOf('/');
  const address = tryParseAddress(text.slice(0, Math.max(0, slash)));
  const prefix = parsePrefix(text, slash + 1);
  if (!address || prefix === undefined || prefix > bitsOf(address.family)) return undefined;
  return cidrOf(address, prefix);
}

/** The network of that prefix length which holds the address. */
export function cidrOf(address: IpAddress, prefix: number): IpCidr {
  const hostBits = BigInt(bitsOf(address.family) - prefix);
  return { family: address.family, base: (address.value >> hostBits) << hostBits, prefix };
}

/** `address/prefix` text of a network. */
export function formatCidr(cidr: IpCidr): string {
  return `${formatAddress({ family: cidr.family, value: cidr.base })}/${cidr.prefix}`;
}

/** How many addresses the network has. */
export function sizeOf(cidr: IpCidr): bigint {
  return 1n << BigInt(bitsOf(cidr.family) - cidr.prefix);
}

/** The network's last address, as a number. */
export function lastOf(cidr: IpCidr): bigint {
  return cidr.base + sizeOf(cidr) - 1n;
}

/** Whether the address lies in the network. */
export function contains(cidr: IpCidr, address: IpAddress): boolean {
  return cidr.family === address.family && address.value >= cidr.base && address.value <= lastOf(cidr);
}

/** Whether every address of `inner` lies in `outer`. */
export function covers(outer: IpCidr, inner: IpCidr): boolean {
  return outer.prefix <= inner.prefix && overlap(outer, inner);
}

/** Whether two networks share an address. */
export function overlap(a: IpCidr, b: IpCidr): boolean {
  return a.family === b.family && a.base <= lastOf(b) && b.base <= lastOf(a);
}

/** Orders networks by first address, wider first. */
export function compareCidrs(a: IpCidr, b: IpCidr): number {
  if (a.family !== b.family) return a.family - b.family;
  if (a.base !== b.base) return a.base < b.base ? -1 : 1;
  return a.prefix - b.prefix;
}

/** On every link that has IPv6 (RFC 4291 §2.5.6). */
export const linkLocal = parseCidr('fe80::/10');
