import { type Attributes, eachAttribute, nested, readText, readUint, zeroTerminated } from './attributes.ts';
import { IFF, IFLA, IFLA_INFO, IFLA_IPVLAN, IFLA_MACVLAN } from './constants.ts';
import { parseLinkHeader } from './headers.ts';
import { ipvlanModes, macvlanModes } from './names.ts';
import { formatMac } from './text.ts';
import type { LinkInfo } from './types.ts';

/** Reads the payload of RTM_NEWLINK and RTM_DELLINK. */
export function parseLink(payload: Buffer): LinkInfo {
  const { header, attributes } = parseLinkHeader(payload);
  const { index, hardwareType, flags } = header;
  const info = nested(attributes, IFLA.LINKINFO);
  const kind = text(info, IFLA_INFO.KIND);
  return {
    index,
    name: readText(attributes, IFLA.IFNAME) ?? '',
    altNames: altNames(attributes),
    alias: text(attributes, IFLA.IFALIAS),
    hardwareType,
    mac: mac(attributes, IFLA.ADDRESS),
    permanentMac: mac(attributes, IFLA.PERM_ADDRESS),
    mtu: readUint(attributes, IFLA.MTU) ?? 0,
    up: (flags & IFF.UP) !== 0,
    lowerUp: (flags & IFF.LOWER_UP) !== 0,
    loopback: (flags & IFF.LOOPBACK) !== 0,
    kind,
    parentIndex: nonZero(attributes, IFLA.LINK),
    linkNetnsId: attributes.get(IFLA.LINK_NETNSID)?.readInt32LE(0) ?? null,
    master: nonZero(attributes, IFLA.MASTER),
    masterKind: text(info, IFLA_INFO.SLAVE_KIND),
    parentDevice: text(attributes, IFLA.PARENT_DEV_NAME),
    ...details(kind, nested(info, IFLA_INFO.DATA)),
  };
}

function text(attributes: Attributes, type: number): string | null {
  return readText(attributes, type) ?? null;
}

/** For indexes of links: a tunnel's parent is 0 where it has none. */
function nonZero(attributes: Attributes, type: number): number | null {
  const value = readUint(attributes, type);
  return value === undefined || value === 0 ? null : value;
}

function mac(attributes: Attributes, type: number): string | null {
  const value = attributes.get(type);
  return value === undefined || value.length === 0 ? null : formatMac(value);
}

function altNames(attributes: Attributes): string[] {
  const list = attributes.get(IFLA.PROP_LIST);
  if (list === undefined) return [];
  return Array.from(eachAttribute(list))
    .filter(([type]) => type === IFLA.ALT_IFNAME)
    .map(([, value]) => zeroTerminated(value));
}

/** IFLA_INFO_DATA means something else for every kind. */
function details(kind: string | null, data: Attributes): Pick<LinkInfo, 'ipvlan' | 'macvlan'> {
  const ipvlan = kind === 'ipvlan' ? ipvlanModes.word(readUint(data, IFLA_IPVLAN.MODE) ?? -1) : undefined;
  const macvlan = kind === 'macvlan' ? macvlanModes.word(readUint(data, IFLA_MACVLAN.MODE) ?? -1) : undefined;
  return { ipvlan: ipvlan ? { mode: ipvlan } : null, macvlan: macvlan ? { mode: macvlan } : null };
}
