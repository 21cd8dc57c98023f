import type { FoundInterface } from '../../core/annotation/foundInterfaces.ts';
import { contains, type IpCidr } from '../../core/net/cidr.ts';
import { bareAddress, tryAddressOf } from '../../core/net/interfaceAddress.ts';
import type { CheckpointEntry, CheckpointLink } from '../checkpoint/entry.ts';
import type { AddressInfo, LinkInfo } from '../netlink/netlink.ts';

/** How many of an interface's strange addresses are told: they go into an annotation and the log. */
const mostTold = 50;

/** What the kernel has in a pod's network namespace. */
export interface PodDump {
  readonly links: readonly LinkInfo[];
  readonly addresses: readonly AddressInfo[];
}

export interface Found {
  readonly interfaces: readonly FoundInterface[];
  readonly isAsMade: boolean;
}

/** Where a network has its addresses: in the ranges, but not in the excludes. */
export interface AddressSpace {
  readonly ranges: readonly IpCidr[];
  readonly excludes: readonly IpCidr[];
}

/**
 * What is there of the interfaces of an attachment. An address that another program has moved to another link of the pod counts as being where it
 * was made: virtual machines take those of their pods. Of others, those count that the network may give to another pod.
 * @param space the network's
 */
export function foundOf(entry: CheckpointEntry, dump: PodDump, space: AddressSpace): Found {
  const made = entry.links.map(link => ({ link, ips: link.addresses.map(bareAddress) }));
  const given = new Set(made.flatMap(({ ips }) => ips));
  const there = new Set(dump.addresses.map(({ address }) => bareAddress(address)));
  const found = made.map(({ link, ips }) => ({
    kept: isOutOfSight(link, dump) ? ips : ips.filter(ip => there.has(ip)),
    strange: setOn(link, dump).filter(ip => !given.has(ip) && isIn(ip, space)),
  }));
  return {
    interfaces: made.map(({ link }, i) => ({
      network: entry.network,
      interface: link.name,
      ips: [...(found[i]?.kept ?? []), ...(found[i]?.strange.slice(0, mostTold) ?? [])],
    })),
    isAsMade: found.every(({ kept, strange }, i) => kept.length === made[i]?.ips.length && strange.length === 0),
  };
}

/** A device that another plugin moved into the pod may be bound to a driver in user space, and has no link then. */
function isOutOfSight({ name, delegate }: CheckpointLink, { links }: PodDump): boolean {
  return delegate?.role === 'plugin' && links.every(link => link.name !== name);
}

/** The addresses that somebody has given the link. Those that routers advertise come and go. */
function setOn({ name }: CheckpointLink, { links, addresses }: PodDump): string[] {
  const link = links.find(one => one.name === name);
  return addresses.filter(({ dev, permanent }) => dev === link?.index && permanent).map(a => bareAddress(a.address));
}

function isIn(text: string, { ranges, excludes }: AddressSpace): boolean {
  const address = tryAddressOf(text);
  if (!address) return false;
  const isHeldBy = (nets: readonly IpCidr[]): boolean => nets.some(net => contains(net, address));
  return isHeldBy(ranges) && !isHeldBy(excludes);
}
