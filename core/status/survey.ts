import type { HostInterface } from '../api/types.ts';
import type { NicPosition } from '../layout/interfaceIndex.ts';
import { type Member, type Membership, membersOf } from '../layout/members.ts';
import type { Family } from '../net/address.ts';
import { compareCidrs, covers, type IpCidr, tryParseCidr } from '../net/cidr.ts';
import { type Carrier, differentMtus } from '../network/mtus.ts';

/** A host that has NICs in the network. */
export interface MemberHost {
  host: HostInterface;
  members: readonly Member[];
}

/** What all hosts together have of one network. */
export interface Survey {
  /** How many HostInterfaces there are. */
  hosts: number;
  /** How many of them have a NIC at all. */
  withNics: number;
  /** Hosts with NICs in the network, by name. */
  members: readonly MemberHost[];
  /** How many of those have a NIC in each host subnet, in the network's order. */
  perSubnet: readonly { netAddress: string; numOfHosts: number }[];
  /** Every NIC position that some host has, in the order in which interface indexes are given. */
  positions: readonly NicPosition[];
  /** In words, where NICs of one subnet carry packets of different sizes. */
  differentMtus?: string;
}

/**
 * Looks at every host once.
 * @param members membersOf, or a cache in front of it
 */
export function surveyHosts(
  network: Membership,
  hosts: Iterable<HostInterface>,
  members: (host: HostInterface) => readonly Member[] = host => membersOf(network, host.spec),
): Survey {
  let count = 0;
  let withNics = 0;
  const memberHosts: MemberHost[] = [];
  const subnets = new Map<string, { numOfHosts: number; ordinals: number }>();
  for (const host of hosts) {
    count++;
    if (host.spec.interfaces.length > 0) withNics++;
    const found = members(host);
    if (found.length === 0) continue;
    memberHosts.push({ host, members: found });
    for (const { netAddress, ordinal } of found) {
      const subnet = subnets.get(netAddress) ?? { numOfHosts: 0, ordinals: 0 };
      if (ordinal === 0) subnet.numOfHosts++;
      subnet.ordinals = Math.max(subnet.ordinals, ordinal + 1);
      subnets.set(netAddress, subnet);
    }
  }
  memberHosts.sort((a, b) => (a.host.metadata.name < b.host.metadata.name ? -1 : 1));
  const perSubnet: { netAddress: string; numOfHosts: number }[] = [];
  const positions: NicPosition[] = [];
  for (const netAddress of inOrder(network.masterNets, subnets.keys())) {
    const { numOfHosts = 0, ordinals = 0 } = subnets.get(netAddress) ?? {};
    perSubnet.push({ netAddress, numOfHosts });
    for (let ordinal = 0; ordinal < ordinals; ordinal++) positions.push({ netAddress, ordinal });
  }
  const mtus = differentMtus(carriers(memberHosts));
  const all = { hosts: count, withNics, members: memberHosts, perSubnet, positions };
  return mtus === undefined ? all : { ...all, differentMtus: mtus };
}

function* carriers(hosts: readonly MemberHost[]): Generator<Carrier> {
  for (const { host, members } of hosts) {
    for (const { nic, netAddress } of members) {
      const { interfaceName: name, mtu } = nic;
      if (mtu !== undefined) yield { netAddress, name, host: host.metadata.name, mtu };
    }
  }
}

/**
 * Hosts, by name, to whose pods no L3 routes of the family can lead: a route goes by an address of the host in a subnet that it shares with another
 * host. A single host needs none.
 */
export function hostsApart({ members, perSubnet }: Survey, family: Family): Set<string> {
  if (members.length < 2) return new Set();
  const shared = new Set(perSubnet.flatMap(({ netAddress, numOfHosts }) => (numOfHosts > 1 ? [netAddress] : [])));
  const isWay = ({ netAddress, hostAddresses }: Member): boolean =>
    shared.has(netAddress) && hostAddresses.some(({ address }) => address?.family === family);
  const apart = members.filter(host => !host.members.some(isWay));
  return new Set(apart.map(({ host }) => host.metadata.name));
}

/**
 * NICs in words that no L3 routes lead by, because no other host has a NIC in their subnet, though their host shares another one: an address or a
 * prefix length is wrong there, or on the other hosts. A single host needs no routes.
 */
export function loneNics({ members, perSubnet }: Survey): string[] {
  if (members.length < 2) return [];
  const lone = new Set(perSubnet.flatMap(({ netAddress, numOfHosts }) => (numOfHosts === 1 ? [netAddress] : [])));
  if (lone.size === 0) return [];
  return members
    .filter(host => host.members.some(({ netAddress }) => !lone.has(netAddress)))
    .flatMap(({ host, members: nics }) =>
      nics
        .filter(({ netAddress }) => lone.has(netAddress))
        .map(({ nic, netAddress }) => `${nic.interfaceName} of ${host.metadata.name} (${netAddress})`),
    );
}

/** Host subnets by their place in masterNets, then by address. */
function inOrder(masterNets: readonly IpCidr[], netAddresses: Iterable<string>): string[] {
  const ranked = [...netAddresses].flatMap(netAddress => {
    const net = tryParseCidr(netAddress);
    return net ? [{ netAddress, net, rank: masterNets.findIndex(master => covers(master, net)) }] : [];
  });
  return ranked.sort((a, b) => a.rank - b.rank || compareCidrs(a.net, b.net)).map(({ netAddress }) => netAddress);
}
