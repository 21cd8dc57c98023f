import { bitsOf, type IpAddress } from './address.ts';
import { type IpCidr, lastOf } from './cidr.ts';

/** Whether a subnet has room for two devices only: /31 (RFC 3021) and /30, in IPv6 /127 (RFC 6164) and /126. */
export function isPointToPoint({ family, prefix }: IpCidr): boolean {
  const hostBits = bitsOf(family) - prefix;
  return hostBits === 1 || hostBits === 2;
}

/**
 * The device at the other end of a point-to-point subnet: of four addresses the first and last are nobody's. Undefined in any other subnet, and for
 * an address that no device should have.
 */
export function farEnd(net: IpCidr, { family, value }: IpAddress): IpAddress | undefined {
  if (!isPointToPoint(net)) return undefined;
  const isPair = bitsOf(family) - net.prefix === 1;
  const ends = isPair ? [net.base, lastOf(net)] : [net.base + 1n, lastOf(net) - 1n];
  if (!ends.includes(value)) return undefined;
  const other = ends.find(end => end !== value);
  return other === undefined ? undefined : { family, value: other };
}
