import ipaddr from 'ipaddr.js';
import { MultiNicError } from '../errors.ts';
import { formatDotted, parseDotted } from './dotted.ts';

/** IPv4 or IPv6. */
export type Family = 4 | 6;

/** An IPv4 or IPv6 address as a number, so that block arithmetic is the same for both families. */
export interface IpAddress {
  readonly family: Family;
  readonly value: bigint;
}

/** Bits of an address of the family. */
export function bitsOf(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/**
 * Reads an address in its usual text form. Refused, though some parsers take them: IPv4 with fewer than four parts, in hexadecimal
 * or with leading zeros (which some read as octal), and IPv6 zone ids.
 * @throws MultiNicError MNN_ADDRESS_INVALID
 */
export function parseAddress(text: string): IpAddress {
  const address = tryParseAddress(text);
  if (!address) throw new MultiNicError('MNN_ADDRESS_INVALID', `"${text}" is not an IP address`);
  return address;
}

/** As parseAddress, but undefined where the text is not an address. */
export function tryParseAddress(text: string): IpAddress | undefined {
  const dotted = parseDotted(text);
  if (dotted !== undefined) return { family: 4, value: BigInt(dotted) };
  if (text.includes(':') && !text.includes('%') && ipaddr.IPv6.isValid(text)) {
    return { family: 6, value: valueOf(ipaddr.IPv6.parse(text).toByteArray()) };
  }
  return undefined;
}

/** The address's text: dotted decimal, or RFC 5952. */
export function formatAddress({ family, value }: IpAddress): string {
  if (family === 4) return formatDotted(Number(value));
  const bytes: number[] = [];
  for (let shift = bitsOf(family) - 8; shift >= 0; shift -= 8) bytes.push(Number((value >> BigInt(shift)) & 0xffn));
  return ipaddr.fromByteArray(bytes).toString();
}

/** Orders addresses: IPv4 before IPv6, then by value. */
export function compareAddresses(a: IpAddress, b: IpAddress): number {
  if (a.family !== b.family) return a.family - b.family;
  if (a.value === b.value) return 0;
  return a.value < b.value ? -1 : 1;
}

function valueOf(bytes: number[]): bigint {
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}
