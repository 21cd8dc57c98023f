import { constants } from 'node:os';
import ipaddr from 'ipaddr.js';
import { parseDotted, parsePrefix } from '../../core/net/dotted.ts';
import type { Family } from './types.ts';

/** An address as bytes in network order: 4 or 16. */
export interface AddressBytes {
  readonly family: Family;
  readonly bytes: Uint8Array;
}
export interface NetworkBytes extends AddressBytes {
  readonly prefixLength: number;
}

/** A part of an operation that cannot be understood; nothing has been sent to the kernel. */
export class InvalidArgument extends Error {
  override readonly name = 'InvalidArgument';
}

/** The positive errno for an error that a writer throws if an operation cannot be made into a message; undefined for any other value. */
export function unwritableErrno(error: unknown): number | undefined {
  if (error instanceof InvalidArgument) return constants.errno.EINVAL;
  // Numbers beyond what a field of the message can hold.
  return error instanceof RangeError ? constants.errno.ERANGE : undefined;
}

/** Reads '10.1.0.5' or 'fd00::5'; no leading zeros, short forms or zones. Throws InvalidArgument. */
export function parseAddress(text: string): AddressBytes {
  const dotted = parseDotted(text);
  if (dotted !== undefined) {
    const bytes = new Uint8Array(4);
    bytes[0] = dotted >>> 24;
    bytes[1] = dotted >>> 16;
    bytes[2] = dotted >>> 8;
    bytes[3] = dotted;
    return { family: 4, bytes };
  }
  if (text.includes(':') && !text.includes('%') && ipaddr.IPv6.isValid(text)) {
    return { family: 6, bytes: Uint8Array.from(ipaddr.IPv6.parse(text).toByteArray()) };
  }
  throw new InvalidArgument(`"${text}" is not an IP address`);
}

/** Reads 'address/prefix'. Throws InvalidArgument. */
export function parseNetwork(text: string): NetworkBytes {
  const slash = text.lastIndexOf('/');
  const prefixLength = parsePrefix(text, slash + 1);
  if (prefixLength === undefined) throw new InvalidArgument(`"${text}" is not address/prefix`);
  const address = parseAddress(text.slice(0, slash));
  if (prefixLength > address.bytes.length * 8) throw new InvalidArgument(`"${text}" has too long a prefix`);
  return { ...address, prefixLength };
}

/** The text form (RFC 5952 for IPv6) of 4 or 16 bytes. */
export function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  return new ipaddr.IPv6(Array.from(bytes)).toRFC5952String();
}

/** 'address/prefix'; absent bytes are the unspecified address, as in default routes. */
export function formatNetwork(family: Family, bytes: Uint8Array | undefined, prefixLength: number): string {
  const address = bytes === undefined ? (family === 4 ? '0.0.0.0' : '::') : formatAddress(bytes);
  return `${address}/${prefixLength}`;
}

/** Reads 'aa:bb:cc:dd:ee:ff' (6 bytes, or 20 for InfiniBand). Throws InvalidArgument. */
export function parseMac(text: string): Uint8Array {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){1,31}$/i.test(text)) {
    throw new InvalidArgument(`"${text}" is not a hardware address`);
  }
  return Uint8Array.from(text.split(':'), byte => Number.parseInt(byte, 16));
}

/** The inverse of {@link parseMac}. */
export function formatMac(bytes: Buffer): string {
  return bytes.toString('hex').replaceAll(/..(?!$)/g, '$&:');
}
