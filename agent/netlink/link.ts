import { eachAttribute, nested, readText, readUint, zeroTerminated, type Attributes } from './attributes.ts';
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
  const info = nested(attributes, IFLA.LINKINFO);
  const kind = readText(info, IFLA_INFO.KIND) ?? null;
  return {
    index: header.index,
    name: readText(attributes, IFLA.IFNAME) ?? '',
    altNames: altNames(attributes),
    alias: readText(attributes, IFLA.IFALIAS) ?? null,
    hardwareType: header.hardwareType,
    mac: mac(attributes, IFLA.ADDRESS),
    permanentMac: mac(attributes, IFLA.PERM_ADDRESS),
    mtu: readUint(attributes, IFLA.MTU) ?? 0,
    minMtu: readUint(attributes, IFLA.MIN_MTU) ?? null,
    // The kernel's 0 means that the driver names no maximum.
    maxMtu: readUint(attributes, IFLA.MAX_MTU) || null,
    flags: header.flags,
    up: (header.flags & IFF.UP) !== 0,
    lowerUp: (header.flags & IFF.LOWER_UP) !== 0,
    running: (header.flags & IFF.RUNNING) !== 0,
    loopback: (header.flags & IFF.LOOPBACK) !== 0,
    operState: operStates.word(readUint(attributes, IFLA.OPERSTATE) ?? 0) ?? 'unknown',
    kind,
    // A link that is its own parent (0 for tunnels without one) has none.
    parentIndex: readUint(attributes, IFLA.LINK) || null,
    linkNetnsId: attributes.get(IFLA.LINK_NETNSID)?.readInt32LE(0) ?? null,
    master: readUint(attributes, IFLA.MASTER) ?? null,
    masterKind: readText(info, IFLA_INFO.SLAVE_KIND) ?? null,
    txQueueLength: readUint(attributes, IFLA.TXQLEN) ?? null,
    numVfs: readUint(attributes, IFLA.NUM_VF) ?? null,
    physPortName: readText(attributes, IFLA.PHYS_PORT_NAME) ?? null,
    parentDevice: parentDevice(attributes),
    ...details(kind, nested(info, IFLA_INFO.DATA)),
  };
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
function details(kind: string | null, data: Attributes): Details {
  switch (kind) {
    case 'ipvlan': {
      const mode = ipvlanModes.word(readUint(data, IFLA_IPVLAN.MODE) ?? -1);
      const flag = ipvlanFlags.word(readUint(data, IFLA_IPVLAN.FLAGS) ?? 0);
      return { ...noDetails, ipvlan: mode === undefined || flag === undefined ? null : { mode, flag } };
    }
    case 'macvlan': {
      const mode = macvlanModes.word(readUint(data, IFLA_MACVLAN.MODE) ?? -1);
      return { ...noDetails, macvlan: mode === undefined ? null : { mode } };
    }
    case 'vlan': {
      const id = readUint(data, IFLA_VLAN.ID);
      const serviceTag = data.get(IFLA_VLAN.PROTOCOL)?.readUInt16BE(0) === etherType8021ad;
      return { ...noDetails, vlan: id === undefined ? null : { id, protocol: serviceTag ? '802.1ad' : '802.1Q' } };
    }
    case 'vrf': {
      const table = readUint(data, IFLA_VRF.TABLE);
      return { ...noDetails, vrf: table === undefined ? null : { table } };
    }
    default:
      return noDetails;
  }
}
