import { IFF } from '../constants.ts';
import type { IpvlanFlag, IpvlanMode, LinkInfo, MacvlanMode, OperState } from '../types.ts';
import type { IpLinkJson } from './json.ts';

/** IFF_* (if.h) as `ip` names them. It shows RUNNING by its contrary, NO-CARRIER. */
const flagBits: Readonly<Record<string, number>> = {
  UP: IFF.UP,
  BROADCAST: 0x2,
  DEBUG: 0x4,
  LOOPBACK: IFF.LOOPBACK,
  POINTOPOINT: 0x10,
  NOTRAILERS: 0x20,
  NOARP: 0x80,
  PROMISC: 0x100,
  ALLMULTI: 0x200,
  MASTER: 0x400,
  SLAVE: 0x800,
  MULTICAST: 0x1000,
  PORTSEL: 0x2000,
  AUTOMEDIA: 0x4000,
  DYNAMIC: 0x8000,
  LOWER_UP: IFF.LOWER_UP,
  DORMANT: 0x20000,
  ECHO: 0x40000,
};
/** Hardware types (if_arp.h) where `ip` gives a name in spite of -N. */
const hardwareTypes: Readonly<Record<string, number>> = { ether: 1, infiniband: 32, loopback: 772, none: 0xfffe };

/** Links by name. */
export type Indexes = ReadonlyMap<string, number>;

export function indexesOf(links: readonly IpLinkJson[]): Indexes {
  return new Map(links.map(link => [link.ifname, link.ifindex]));
}

/** The index of a name that `ip` prints: 'if5' is a link that it has no name for. */
export function indexOf(name: string, indexes: Indexes): number | undefined {
  const number = /^if(\d+)$/.exec(name)?.[1];
  return indexes.get(name) ?? (number === undefined ? undefined : Number(number));
}

/** Reads one link of `ip -N -j -d link show`. */
export function readLink(link: IpLinkJson, indexes: Indexes): LinkInfo {
  const bits = flagsOf(link);
  const { linkinfo } = link;
  return {
    index: link.ifindex,
    name: link.ifname,
    altNames: link.altnames ?? [],
    alias: link.ifalias ?? null,
    hardwareType: hardwareTypes[link.link_type] ?? Number(/\d+/.exec(link.link_type)?.[0] ?? 0),
    mac: link.address ?? null,
    // Printed only where it is not the present one.
    permanentMac: link.permaddr ?? null,
    mtu: link.mtu,
    minMtu: link.min_mtu ?? null,
    maxMtu: link.max_mtu === 0 ? null : (link.max_mtu ?? null),
    ...bits,
    operState: (link.operstate ?? 'UNKNOWN').toLowerCase() as OperState,
    kind: linkinfo?.info_kind ?? null,
    parentIndex: parentOf(link, indexes),
    linkNetnsId: link.link_netnsid ?? null,
    master: link.master === undefined ? null : (indexOf(link.master, indexes) ?? null),
    masterKind: linkinfo?.info_slave_kind ?? null,
    txQueueLength: link.txqlen ?? null,
    numVfs: link.vfinfo_list?.length ?? null,
    physPortName: link.phys_port_name ?? null,
    parentDevice: link.parentdev === undefined ? null : { name: link.parentdev, bus: link.parentbus ?? null },
    ...detailsOf(linkinfo?.info_kind, linkinfo?.info_data ?? {}),
  };
}

type Flags = Pick<LinkInfo, 'flags' | 'up' | 'lowerUp' | 'running' | 'loopback'>;

function flagsOf(link: IpLinkJson): Flags {
  const named = link.flags.reduce((bits, name) => bits | (flagBits[name] ?? 0), 0);
  const up = (named & IFF.UP) !== 0;
  const running = up && !link.flags.includes('NO-CARRIER');
  return {
    flags: running ? named | IFF.RUNNING : named,
    up,
    lowerUp: (named & IFF.LOWER_UP) !== 0,
    running,
    loopback: (named & IFF.LOOPBACK) !== 0,
  };
}

function parentOf(link: IpLinkJson, indexes: Indexes): number | null {
  if (typeof link.link === 'string') return indexOf(link.link, indexes) ?? null;
  return link.link_index ?? null;
}

type Details = Pick<LinkInfo, 'ipvlan' | 'macvlan' | 'vlan' | 'vrf'>;

function detailsOf(kind: string | undefined, data: Readonly<Record<string, unknown>>): Details {
  const { mode, id, protocol, table } = data;
  const ipvlanFlag: IpvlanFlag = 'private' in data ? 'private' : 'vepa' in data ? 'vepa' : 'bridge';
  return {
    ipvlan: kind === 'ipvlan' ? { mode: mode as IpvlanMode, flag: ipvlanFlag } : null,
    macvlan: kind === 'macvlan' ? { mode: mode as MacvlanMode } : null,
    vlan: kind === 'vlan' ? { id: Number(id), protocol: protocol === '802.1ad' ? '802.1ad' : '802.1Q' } : null,
    vrf: kind === 'vrf' ? { table: Number(table) } : null,
  };
}
