import { type Attributes, nested, parseAttributes, readUint } from './attributes.ts';
import { RTA, RTAX, RTM_F_CLONED, RTNH_F } from './constants.ts';
import { familyOf, parseRouteHeader } from './headers.ts';
import { routeTypes, scopeName } from './names.ts';
import { formatAddress, formatNetwork } from './text.ts';
import type { NextHop, RouteInfo } from './types.ts';

/** Bytes of struct rtnexthop (rtnetlink.h): length, flags, hops, interface index. */
export const nextHopHeaderSize = 8;

/** Reads the payload of RTM_NEWROUTE and RTM_DELROUTE; undefined for other families and for cached exceptions. */
export function parseRoute(payload: Buffer): RouteInfo | undefined {
  const { header, attributes } = parseRouteHeader(payload);
  const family = familyOf(header.family);
  if (family === undefined || (header.flags & RTM_F_CLONED) !== 0) return undefined;
  const metrics = nested(attributes, RTA.METRICS);
  const multipath = attributes.get(RTA.MULTIPATH);
  return {
    family,
    dst: formatNetwork(family, attributes.get(RTA.DST), header.dstLength),
    table: readUint(attributes, RTA.TABLE) ?? header.table,
    protocol: header.protocol,
    scope: scopeName(header.scope),
    type: routeTypes.word(header.type) ?? 'unicast',
    metric: readUint(attributes, RTA.PRIORITY) ?? 0,
    flags: header.flags,
    ...via(attributes, header.flags),
    ...optional('dev', readUint(attributes, RTA.OIF)),
    ...optional('src', address(attributes.get(RTA.PREFSRC))),
    ...optional('mtu', readUint(metrics, RTAX.MTU)),
    ...optional('advmss', readUint(metrics, RTAX.ADVMSS)),
    ...optional('nexthops', multipath === undefined ? undefined : parseNextHops(multipath)),
  };
}

/** RTA_MULTIPATH: struct rtnexthop, each followed by its own attributes. */
function parseNextHops(bytes: Buffer): NextHop[] {
  const hops: NextHop[] = [];
  for (let at = 0; at + nextHopHeaderSize <= bytes.length;) {
    const length = bytes.readUInt16LE(at);
    if (length < nextHopHeaderSize || at + length > bytes.length) break;
    hops.push({
      dev: bytes.readInt32LE(at + 4),
      weight: bytes.readUInt8(at + 3) + 1,
      ...via(parseAttributes(bytes.subarray(at + nextHopHeaderSize, at + length)), bytes.readUInt8(at + 2)),
    });
    at += (length + 3) & ~3;
  }
  return hops;
}

function via(attributes: Attributes, flags: number): Pick<NextHop, 'gateway' | 'onlink'> {
  // struct rtvia: two bytes of family, then the address.
  const other = attributes.get(RTA.VIA)?.subarray(2);
  const gateway = address(attributes.get(RTA.GATEWAY) ?? other);
  return {
    ...optional('gateway', gateway),
    ...optional('onlink', (flags & RTNH_F.ONLINK) !== 0 ? true : undefined),
  };
}

function address(bytes: Buffer | undefined): string | undefined {
  return bytes === undefined ? undefined : formatAddress(bytes);
}

/** A property only where there is a value, so that what is listed can be sent back as it is. */
function optional<Key extends string, Value>(key: Key, value: Value | undefined): Partial<Record<Key, Value>> {
  return value === undefined ? {} : ({ [key]: value } as Partial<Record<Key, Value>>);
}
