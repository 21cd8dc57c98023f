import { formatAddress, type IpAddress, parseAddress, tryParseAddress } from './address.ts';
import { parseCidr } from './cidr.ts';

/** `10.0.0.5/19` → `10.0.0.5`. */
export function withoutPrefix(text: string): string {
  const slash = text.indexOf('/');
  return slash === -1 ? text : text.slice(0, slash);
}

/** The address of a text with or without prefix length; undefined where it has none. */
export function tryAddressOf(text: string): IpAddress | undefined {
  return tryParseAddress(withoutPrefix(text));
}

/** Without prefix length, and the same text for the same address: `FD00::05/64` → `fd00::5`. What is no address stays what it is. */
export function bareAddress(text: string): string {
  const address = tryAddressOf(text);
  return address ? formatAddress(address) : withoutPrefix(text);
}

/** With its prefix length, and the same text for the same address: `FD00::05/64` → `fd00::5/64`. @throws MultiNicError MNN_CIDR_INVALID */
export function formatInterface(text: string): string {
  const { prefix } = parseCidr(text);
  return `${formatAddress(parseAddress(withoutPrefix(text)))}/${prefix}`;
}
