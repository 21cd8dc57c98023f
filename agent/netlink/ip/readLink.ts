import type { IpvlanMode, LinkInfo, MacvlanMode } from '../types.ts';
import type { IpLinkJson } from './json.ts';

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
  const { linkinfo, flags } = link;
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
    up: flags.includes('UP'),
    lowerUp: flags.includes('LOWER_UP'),
    loopback: flags.includes('LOOPBACK'),
    kind: orNull(linkinfo?.info_kind),
    parentIndex: parentOf(link, indexes),
    linkNetnsId: orNull(link.link_netnsid),
    master: orNull(indexOf(link.master ?? '', indexes)),
    masterKind: orNull(linkinfo?.info_slave_kind),
    parentDevice: orNull(link.parentdev),
    ...detailsOf(linkinfo),
  };
}

function orNull<Value>(value: Value | undefined): Value | null {
  return value ?? null;
}

function hardwareTypeOf(type: string): number {
  return hardwareTypes[type] ?? Number(/\d+/.exec(type)?.[0] ?? 0);
}

function parentOf(link: IpLinkJson, indexes: Indexes): number | null {
  if (typeof link.link === 'string') return indexOf(link.link, indexes) ?? null;
  return link.link_index ?? null;
}

type Details = Pick<LinkInfo, 'ipvlan' | 'macvlan'>;

function detailsOf({ info_kind: kind, info_data: data = {} }: NonNullable<IpLinkJson['linkinfo']> = {}): Details {
  const { mode } = data;
  return {
    ipvlan: kind === 'ipvlan' ? { mode: mode as IpvlanMode } : null,
    macvlan: kind === 'macvlan' ? { mode: mode as MacvlanMode } : null,
  };
}
