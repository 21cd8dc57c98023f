import { type Attributes, parseAttributes, type Writer } from './attributes.ts';
import { AF } from './constants.ts';
import type { Family } from './types.ts';

export interface LinkHeader {
  readonly family: number;
  readonly hardwareType: number;
  readonly index: number;
  readonly flags: number;
  /** Which of `flags` a request is about. */
  readonly change: number;
}
export interface AddressHeader {
  readonly family: number;
  readonly prefixLength: number;
  readonly flags: number;
  readonly scope: number;
  readonly index: number;
}
export interface RouteHeader {
  readonly family: number;
  readonly dstLength: number;
  readonly srcLength: number;
  /** The table where it is below 256; attributes carry all of it. */
  readonly table: number;
  readonly protocol: number;
  readonly scope: number;
  readonly type: number;
  readonly flags: number;
}
export interface RuleHeader {
  readonly family: number;
  readonly srcLength: number;
  readonly table: number;
  readonly action: number;
}
export interface NeighbourHeader {
  readonly family: number;
  readonly index: number;
  readonly state: number;
}

/** A message's fixed part and its attributes. */
export interface Parsed<Header> {
  readonly header: Header;
  readonly attributes: Attributes;
}

/** struct ifinfomsg (rtnetlink.h), 16 bytes. */
export function writeLinkHeader(writer: Writer, header: Partial<LinkHeader>): void {
  const at = writer.reserve(16);
  writer.setUint8(at, header.family ?? AF.UNSPEC);
  writer.setUint16(at + 2, header.hardwareType ?? 0);
  writer.setUint32(at + 4, header.index ?? 0);
  writer.setUint32(at + 8, header.flags ?? 0);
  writer.setUint32(at + 12, header.change ?? 0);
}

export function parseLinkHeader(payload: Buffer): Parsed<LinkHeader> {
  return parsed(payload, 16, {
    family: payload.readUInt8(0),
    hardwareType: payload.readUInt16LE(2),
    index: payload.readInt32LE(4),
    flags: payload.readUInt32LE(8),
    change: payload.readUInt32LE(12),
  });
}

/** struct ifaddrmsg (if_addr.h), 8 bytes. */
export function writeAddressHeader(writer: Writer, header: Partial<AddressHeader>): void {
  const at = writer.reserve(8);
  writer.setUint8(at, header.family ?? AF.UNSPEC);
  writer.setUint8(at + 1, header.prefixLength ?? 0);
  writer.setUint8(at + 2, header.flags ?? 0);
  writer.setUint8(at + 3, header.scope ?? 0);
  writer.setUint32(at + 4, header.index ?? 0);
}

export function parseAddressHeader(payload: Buffer): Parsed<AddressHeader> {
  return parsed(payload, 8, {
    family: payload.readUInt8(0),
    prefixLength: payload.readUInt8(1),
    flags: payload.readUInt8(2),
    scope: payload.readUInt8(3),
    index: payload.readUInt32LE(4),
  });
}

/** struct rtmsg (rtnetlink.h), 12 bytes. */
export function writeRouteHeader(writer: Writer, header: Partial<RouteHeader>): void {
  const at = writer.reserve(12);
  writer.setUint8(at, header.family ?? AF.UNSPEC);
  writer.setUint8(at + 1, header.dstLength ?? 0);
  writer.setUint8(at + 2, header.srcLength ?? 0);
  writer.setUint8(at + 4, header.table ?? 0);
  writer.setUint8(at + 5, header.protocol ?? 0);
  writer.setUint8(at + 6, header.scope ?? 0);
  writer.setUint8(at + 7, header.type ?? 0);
  writer.setUint32(at + 8, header.flags ?? 0);
}

export function parseRouteHeader(payload: Buffer): Parsed<RouteHeader> {
  return parsed(payload, 12, {
    family: payload.readUInt8(0),
    dstLength: payload.readUInt8(1),
    srcLength: payload.readUInt8(2),
    table: payload.readUInt8(4),
    protocol: payload.readUInt8(5),
    scope: payload.readUInt8(6),
    type: payload.readUInt8(7),
    flags: payload.readUInt32LE(8),
  });
}

/** struct fib_rule_hdr (fib_rules.h), 12 bytes. */
export function writeRuleHeader(writer: Writer, header: Partial<RuleHeader>): void {
  const at = writer.reserve(12);
  writer.setUint8(at, header.family ?? AF.UNSPEC);
  writer.setUint8(at + 2, header.srcLength ?? 0);
  writer.setUint8(at + 4, header.table ?? 0);
  writer.setUint8(at + 7, header.action ?? 0);
}

export function parseRuleHeader(payload: Buffer): Parsed<RuleHeader> {
  return parsed(payload, 12, {
    family: payload.readUInt8(0),
    srcLength: payload.readUInt8(2),
    table: payload.readUInt8(4),
    action: payload.readUInt8(7),
  });
}

/** struct ndmsg (neighbour.h), 12 bytes. */
export function writeNeighbourHeader(writer: Writer, { family, index, state }: NeighbourHeader): void {
  const at = writer.reserve(12);
  writer.setUint8(at, family);
  writer.setUint32(at + 4, index);
  writer.setUint16(at + 8, state);
}

/** 4 or 6; undefined for the families that this layer leaves alone (bridge, multicast, MPLS). */
export function familyOf(af: number): Family | undefined {
  if (af === AF.INET) return 4;
  return af === AF.INET6 ? 6 : undefined;
}

/** AF_INET, AF_INET6, or AF_UNSPEC for both. */
export function afOf(family: Family | undefined): number {
  if (family === undefined) return AF.UNSPEC;
  return family === 4 ? AF.INET : AF.INET6;
}

function parsed<Header>(payload: Buffer, size: number, header: Header): Parsed<Header> {
  return { header, attributes: parseAttributes(payload.subarray(size)) };
}
