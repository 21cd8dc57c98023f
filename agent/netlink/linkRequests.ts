import type { Writer } from './attributes.ts';
import { writeMessage } from './codec.ts';
import {
  IFF,
  IFLA,
  IFLA_INFO,
  IFLA_IPVLAN,
  IFLA_MACVLAN,
  IPVLAN_BRIDGE,
  NLM_F,
  RTEXT_FILTER_SKIP_STATS,
  RTM,
  VETH_INFO_PEER,
} from './constants.ts';
import type { Context } from './context.ts';
import { writeLinkHeader } from './headers.ts';
import { ipvlanModes, macvlanModes } from './names.ts';
import { InvalidArgument, parseMac } from './text.ts';
import type { AltNameChange, LinkAdd, LinkDel, LinkDelGroup, LinkRef, LinkSet } from './types.ts';

/** Longest interface name without its NUL (if.h, IFNAMSIZ); longer ones can only be alternative names. */
const longestName = 15;
const change = NLM_F.REQUEST | NLM_F.ACK;
const create = change | NLM_F.CREATE | NLM_F.EXCL;

/** RTM_GETLINK for every link, without statistics. */
export function writeLinkDump(writer: Writer, sequence: number): void {
  writeMessage(writer, { type: RTM.GETLINK, flags: NLM_F.REQUEST | NLM_F.DUMP, sequence }, () => {
    writeLinkHeader(writer, {});
    writer.uint32(IFLA.EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  });
}

/** RTM_GETLINK for one link, by index, name or alternative name. */
export function writeLinkGet(writer: Writer, sequence: number, link: LinkRef): void {
  writeMessage(writer, { type: RTM.GETLINK, flags: change, sequence }, () => {
    if (typeof link === 'number') writeLinkHeader(writer, { index: positiveIndex(link) });
    else {
      writeLinkHeader(writer, {});
      writer.text(Buffer.byteLength(link) > longestName ? IFLA.ALT_IFNAME : IFLA.IFNAME, nonEmpty(link));
    }
    writer.uint32(IFLA.EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  });
}

/** RTM_NEWLINK: the link is made, named, placed in its namespace and brought up in one step. */
export function writeLinkAdd(writer: Writer, sequence: number, op: LinkAdd, context: Context): void {
  writeMessage(writer, { type: RTM.NEWLINK, flags: create, sequence }, () => {
    writeNewLink(writer, { ...op, netns: op.targetNetns }, context);
    if (op.alias !== undefined) writer.attribute(IFLA.IFALIAS, Buffer.from(op.alias));
    if ('parent' in op) writer.uint32(IFLA.LINK, context.linkIndex(op.parent));
    writer.nest(IFLA.LINKINFO, () => {
      writer.text(IFLA_INFO.KIND, op.kind);
      writer.nest(IFLA_INFO.DATA, () => writeKindData(writer, op, context));
    });
  });
}

interface NewLinkEnd {
  readonly name: string;
  readonly mtu?: number;
  readonly mac?: string;
  readonly up?: boolean;
  readonly netns: string | undefined;
}

/** What a link and the peer of a veth have in common: the header and the first attributes. */
function writeNewLink(writer: Writer, link: NewLinkEnd, context: Context): void {
  const flags = link.up === true ? IFF.UP : 0;
  writeLinkHeader(writer, { flags, change: flags });
  writer.text(IFLA.IFNAME, nonEmpty(link.name));
  if (link.mtu !== undefined) writer.uint32(IFLA.MTU, link.mtu);
  if (link.mac !== undefined) writer.attribute(IFLA.ADDRESS, parseMac(link.mac));
  if (link.netns !== undefined) writer.uint32(IFLA.NET_NS_FD, context.namespaceFd(link.netns));
}

function writeKindData(writer: Writer, op: LinkAdd, context: Context): void {
  switch (op.kind) {
    case 'ipvlan':
      writer.uint16(IFLA_IPVLAN.MODE, ipvlanModes.number(op.mode));
      writer.uint16(IFLA_IPVLAN.FLAGS, IPVLAN_BRIDGE);
      break;
    case 'macvlan':
      writer.uint32(IFLA_MACVLAN.MODE, macvlanModes.number(op.mode));
      break;
    case 'veth':
      // The peer is made in the batch's namespace only if told so: by default the kernel puts it beside the link.
      writer.nest(VETH_INFO_PEER, () => writeNewLink(writer, { netns: op.peer.netns, ...op.peer }, context));
      break;
    case 'dummy':
    case 'bridge':
      break;
  }
}

/** RTM_SETLINK with only what is given. Without IFLA_IFNAME the link is found by its index. */
export function writeLinkSet(writer: Writer, sequence: number, op: LinkSet, context: Context): void {
  writeMessage(writer, { type: RTM.SETLINK, flags: change, sequence }, () => {
    writeLinkHeader(writer, {
      index: positiveIndex(context.linkIndex(op.dev)),
      flags: op.up === true ? IFF.UP : 0,
      change: op.up === undefined ? 0 : IFF.UP,
    });
    if (op.name !== undefined) writer.text(IFLA.IFNAME, nonEmpty(op.name));
    if (op.mtu !== undefined) writer.uint32(IFLA.MTU, op.mtu);
    if (op.mac !== undefined) writer.attribute(IFLA.ADDRESS, parseMac(op.mac));
    if (op.alias !== undefined) writer.attribute(IFLA.IFALIAS, Buffer.from(op.alias));
    if (op.netns !== undefined) writer.uint32(IFLA.NET_NS_FD, context.namespaceFd(op.netns));
    if (op.group !== undefined) writer.uint32(IFLA.GROUP, op.group);
  });
}

export function writeLinkDel(writer: Writer, sequence: number, op: LinkDel, context: Context): void {
  writeMessage(writer, { type: RTM.DELLINK, flags: change, sequence }, () => {
    writeLinkHeader(writer, { index: positiveIndex(context.linkIndex(op.dev)) });
  });
}

/** RTM_DELLINK without an index or a name. */
export function writeLinkDelGroup(writer: Writer, sequence: number, { group }: LinkDelGroup): void {
  if (!Number.isInteger(group) || group <= 0) throw new InvalidArgument(`${group} is not a group of links to remove`);
  writeMessage(writer, { type: RTM.DELLINK, flags: change, sequence }, () => {
    writeLinkHeader(writer, {});
    writer.uint32(IFLA.GROUP, group);
  });
}

/** RTM_NEWLINKPROP or RTM_DELLINKPROP with one alternative name. */
export function writeAltName(writer: Writer, sequence: number, op: AltNameChange, context: Context): void {
  const adds = op.op === 'altname.add';
  const type = adds ? RTM.NEWLINKPROP : RTM.DELLINKPROP;
  const flags = adds ? create | NLM_F.APPEND : change;
  writeMessage(writer, { type, flags, sequence }, () => {
    writeLinkHeader(writer, { index: positiveIndex(context.linkIndex(op.dev)) });
    writer.nest(IFLA.PROP_LIST, () => writer.text(IFLA.ALT_IFNAME, nonEmpty(op.altName)));
  });
}

/** Index 0 or an empty name would mean another link, or all of them. */
function positiveIndex(index: number): number {
  if (!Number.isInteger(index) || index <= 0) throw new InvalidArgument(`${index} is not an interface index`);
  return index;
}

function nonEmpty(name: string): string {
  if (name === '' || name.includes('\0')) throw new InvalidArgument(`"${name}" is not the name of an interface`);
  return name;
}
