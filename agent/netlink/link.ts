import { type Attributes, eachAttribute, nested, readText, readUint, zeroTerminated } from './attributes.ts';
import { parseLinkHeader } from './codec.ts';
import { IFF, IFLA, IFLA_INFO, IFLA_IPVLAN, IFLA_MACVLAN, IFLA_VLAN, IFLA_VRF } from './constants.ts';
import { ipvlanFlags, ipvlanModes, macvlanModes, operStates } from './names.ts';
import { formatMac } from './text.ts';
import type { LinkInfo } from './types.ts';

/** EtherType of IEEE 802.1ad service tags, in host order. */
export const etherType8021ad = 0x88a8;
export const etherType8021q = 0x8100;

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
    minMtu: number(attributes, IFLA.MIN_MTU),
    maxMtu: nonZero(attributes, IFLA.MAX_MTU),
    flags,
    up: (flags & IFF.UP) !== 0,
    lowerUp: (flags & IFF.LOWER_UP) !== 0,
    running: (flags & IFF.RUNNING) !== 0,
    loopback: (flags & IFF.LOOPBACK) !== 0,
    operState: operState(attributes),
    kind,
    parentIndex: nonZero(attributes, IFLA.LINK),
    linkNetnsId: attributes.get(IFLA.LINK_NETNSID)?.readInt32LE(0) ?? null,
    master: number(attributes, IFLA.MASTER),
    masterKind: text(info, IFLA_INFO.SLAVE_KIND),
    txQueueLength: number(attributes, IFLA.TXQLEN),
    numVfs: number(attributes, IFLA.NUM_VF),
    physPortName: text(attributes, IFLA.PHYS_PORT_NAME),
    parentDevice: parentDevice(attributes),
    ...details(kind, nested(info, IFLA_INFO.DATA)),
  };
}

function text(attributes: Attributes, type: number): string | null {
  return readText(attributes, type) ?? null;
}

function number(attributes: Attributes, type: number): number | null {
  return readUint(attributes, type) ?? null;
}

/** For numbers whose 0 means that there is none: a tunnel's parent, a driver's largest MTU. */
function nonZero(attributes: Attributes, type: number): number | null {
  const value = readUint(attributes, type);
  return value === undefined || value === 0 ? null : value;
}

function operState(attributes: Attributes): LinkInfo['operState'] {
  return operStates.word(readUint(attributes, IFLA.OPERSTATE) ?? 0) ?? 'unknown';
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

function parentDevice(attributes: Attributes): LinkInfo['parentDevice'] {
  const name = readText(attributes, IFLA.PARENT_DEV_NAME);
  return name === undefined ? null : { name, bus: readText(attributes, IFLA.PARENT_DEV_BUS_NAME) ?? null };
}

type Details = Pick<LinkInfo, 'ipvlan' | 'macvlan' | 'vlan' | 'vrf'>;
const noDetails: Details = { ipvlan: null, macvlan: null, vlan: null, vrf: null };

/** IFLA_INFO_DATA means something else for every kind. */
const detailReaders: Partial<Record<string, (data: Attributes) => Partial<Details>>> = {
  ipvlan: data => {
    const mode = ipvlanModes.word(readUint(data, IFLA_IPVLAN.MODE) ?? -1);
    const flag = ipvlanFlags.word(readUint(data, IFLA_IPVLAN.FLAGS) ?? 0);
    return mode === undefined || flag === undefined ? {} : { ipvlan: { mode, flag } };
  },
  macvlan: data => {
    const mode = macvlanModes.word(readUint(data, IFLA_MACVLAN.MODE) ?? -1);
    return mode === undefined ? {} : { macvlan: { mode } };
  },
  vlan: data => {
    const id = readUint(data, IFLA_VLAN.ID);
    const serviceTag = data.get(IFLA_VLAN.PROTOCOL)?.readUInt16BE(0) === etherType8021ad;
    return id === undefined ? {} : { vlan: { id, protocol: serviceTag ? '802.1ad' : '802.1Q' } };
  },
  vrf: data => {
    const table = readUint(data, IFLA_VRF.TABLE);
    return table === undefined ? {} : { vrf: { table } };
  },
};

function details(kind: string | null, data: Attributes): Details {
  const read = kind === null ? undefined : detailReaders[kind];
  return { ...noDetails, ...read?.(data) };
}
