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

/** ETH_P_8021AD (if_ether.h) as `ip -N` prints it. */
const serviceTag = '[34984]';

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
    alias: orNull(link.ifalias),
    hardwareType: hardwareTypeOf(link.link_type),
    mac: orNull(link.address),
    // Printed only where it is not the present one.
    permanentMac: orNull(link.permaddr),
    mtu: link.mtu,
    minMtu: orNull(link.min_mtu),
    maxMtu: link.max_mtu === 0 ? null : orNull(link.max_mtu),
    ...bits,
    operState: (link.operstate?.toLowerCase() ?? 'unknown') as OperState,
    kind: orNull(linkinfo?.info_kind),
    parentIndex: parentOf(link, indexes),
    linkNetnsId: orNull(link.link_netnsid),
    master: orNull(indexOf(link.master ?? '', indexes)),
    masterKind: orNull(linkinfo?.info_slave_kind),
    txQueueLength: orNull(link.txqlen),
    numVfs: orNull(link.vfinfo_list?.length),
    physPortName: orNull(link.phys_port_name),
    parentDevice: parentDeviceOf(link),
    ...detailsOf(linkinfo),
  };
}

function orNull<Value>(value: Value | undefined): Value | null {
  return value ?? null;
}

function hardwareTypeOf(type: string): number {
  return hardwareTypes[type] ?? Number(/\d+/.exec(type)?.[0] ?? 0);
}

function parentDeviceOf({ parentdev, parentbus }: IpLinkJson): LinkInfo['parentDevice'] {
  return parentdev === undefined ? null : { name: parentdev, bus: orNull(parentbus) };
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

function detailsOf({ info_kind: kind, info_data: data = {} }: NonNullable<IpLinkJson['linkinfo']> = {}): Details {
  const { mode, id, protocol, table } = data;
  const ipvlanFlag: IpvlanFlag = 'private' in data ? 'private' : 'vepa' in data ? 'vepa' : 'bridge';
  return {
    ipvlan: kind === 'ipvlan' ? { mode: mode as IpvlanMode, flag: ipvlanFlag } : null,
    macvlan: kind === 'macvlan' ? { mode: mode as MacvlanMode } : null,
    vlan: kind === 'vlan' ? { id: Number(id), protocol: protocol === serviceTag ? '802.1ad' : '802.1Q' } : null,
    vrf: kind === 'vrf' ? { table: Number(table) } : null,
  };
}
