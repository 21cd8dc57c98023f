import type { HostInterfaceSpec, HostNic } from '../api/types.ts';
import { compareNaturally } from '../naturalOrder.ts';
import { type Family, type IpAddress, tryParseAddress } from '../net/address.ts';
import { compareCidrs, covers, formatCidr, type IpCidr, tryParseCidr } from '../net/cidr.ts';
import { farEnd, isPointToPoint } from '../net/pointToPoint.ts';
import type { Network } from '../network/network.ts';

/** A host's NIC that belongs to a network. */
export interface Member {
  nic: HostNic;
  /**
   * The host subnet that makes it a member, in its text form without host bits; where that is one of many point-to-point subnets, the entry of
   * masterNets that they lie in: the rail.
   */
  netAddress: string;
  /** n-th NIC (from 0, by name) of this host in that subnet: two NICs in one subnet both count. */
  ordinal: number;
  /** The host's addresses on it, all families. */
  hostAddresses: { net: IpCidr; address?: IpAddress }[];
}

/** What decides which NICs of a host are members. */
export type Membership = Pick<Network, 'masterNets' | 'fromHosts'>;

/**
 * The host's NICs that belong to the network, in the order of a pod's interfaces: by the position of their subnet in masterNets (by
 * subnet, where masterNets is empty), then by name.
 */
export function membersOf(network: Membership, host: HostInterfaceSpec): Member[] {
  const found = host.interfaces.flatMap(nic => memberOf(network, nic) ?? []);
  found.sort((a, b) => a.rank - b.rank || compareCidrs(a.net, b.net) || compareNames(a.nic, b.nic));
  const members: Member[] = [];
  for (const { nic, net, hostAddresses } of found) {
    const netAddress = formatCidr(net);
    // NICs in one subnet are adjacent: the same master net has made all of them members.
    const before = members.at(-1);
    const ordinal = before?.netAddress === netAddress ? before.ordinal + 1 : 0;
    members.push({ nic, netAddress, ordinal, hostAddresses });
  }
  return members;
}

/** Networks with the same key have the same members on every host. */
export function membersKey({ masterNets, fromHosts }: Membership): string {
  return `${fromHosts ? 'host subnets ' : ''}${masterNets.map(formatCidr).join()}`;
}

/**
 * The subnet that a NIC shares with its counterparts on other hosts. Where switches route to every NIC, a subnet has one host only: its counterparts
 * are in the others of the same entry of masterNets. But addresses of such a NIC are of no use to pods beside it.
 */
export function sharedNet({ masterNets, fromHosts }: Membership, net: IpCidr): IpCidr {
  const rail = fromHosts || !isPointToPoint(net) ? undefined : masterNets.find(master => covers(master, net));
  return rail === undefined || rail.prefix === net.prefix ? net : rail;
}

/**
 * The router by which a NIC on a rail reaches its counterparts in the family: the other end of its point-to-point subnet, also where the rail is named by
 * the other family alone. Undefined where they are its neighbours.
 */
export function routerOf(network: Membership, { hostAddresses }: Member, family: Family): IpAddress | undefined {
  const isOfRail = ({ net }: HostAddress): boolean => sharedNet(network, net) !== net;
  if (!hostAddresses.some(isOfRail)) return undefined;
  const ofFamily = hostAddresses.filter(({ address }) => address?.family === family);
  const found = ofFamily.find(isOfRail) ?? ofFamily.find(({ net }) => isPointToPoint(net));
  return found?.address && farEnd(found.net, found.address);
}

/** A NIC of unknown state counts as up. */
export function isUp({ nic }: Pick<Member, 'nic'>): boolean {
  return nic.linkState !== 'down';
}

type HostAddress = Member['hostAddresses'][number];

type Candidate = Pick<Member, 'nic' | 'hostAddresses'> & { net: IpCidr; rank: number };

function memberOf(network: Membership, nic: HostNic): Candidate | undefined {
  const { masterNets } = network;
  const hostAddresses = addressesOf(nic);
  if (masterNets.length === 0) {
    const [first] = hostAddresses;
    return first && { nic, net: first.net, rank: 0, hostAddresses };
  }
  for (const [rank, master] of masterNets.entries()) {
    const match = hostAddresses.find(({ net }) => covers(master, net));
    if (match) return { nic, net: sharedNet(network, match.net), rank, hostAddresses };
  }
  return undefined;
}

/** A NIC's addresses: the first, then the others. Unreadable ones are skipped: users write HostInterfaces, too, and a mistake must affect only its host. */
export function addressesOf(nic: HostNic): Member['hostAddresses'] {
  const first = { netAddress: nic.netAddress ?? '', hostIP: nic.hostIP ?? '' };
  // Most have one, and there are tens of thousands.
  if (!nic.addresses) return hostAddress(first);
  const texts = [first, ...nic.addresses];
  const isSame = (a: AddressText, b: AddressText): boolean => a.netAddress === b.netAddress && a.hostIP === b.hostIP;
  return texts.filter((text, i) => texts.findIndex(other => isSame(other, text)) === i).flatMap(hostAddress);
}

type AddressText = Required<Pick<HostNic, 'netAddress' | 'hostIP'>>;

function hostAddress({ netAddress, hostIP }: AddressText): Member['hostAddresses'] {
  const net = tryParseCidr(netAddress);
  const address = tryParseAddress(hostIP);
  if (!net) return [];
  return [address ? { net, address } : { net }];
}

/** Natural order, so that eth2 comes before eth10. */
function compareNames(a: HostNic, b: HostNic): number {
  return compareNaturally(a.interfaceName, b.interfaceName);
}
