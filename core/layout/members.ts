import type { HostInterfaceSpec, HostNic } from '../api/types.ts';
import { compareNaturally } from '../naturalOrder.ts';
import { type IpAddress, tryParseAddress } from '../net/address.ts';
import { compareCidrs, covers, formatCidr, type IpCidr, tryParseCidr } from '../net/cidr.ts';
import type { Network } from '../network/network.ts';

/** A host's NIC that belongs to a network. */
export interface Member {
  nic: HostNic;
  /** The host subnet that makes it a member, in its text form without host bits. */
  netAddress: string;
  /** n-th NIC (from 0, by name) of this host in that subnet: two NICs in one subnet both count. */
  ordinal: number;
  /** The host's addresses on it, all families. */
  hostAddresses: { net: IpCidr; address?: IpAddress }[];
}

/**
 * The host's NICs that belong to the network, in the order of a pod's interfaces: by the position of their subnet in masterNets (by
 * subnet, where masterNets is empty), then by name.
 */
export function membersOf(network: Pick<Network, 'masterNets'>, host: HostInterfaceSpec): Member[] {
  const found = host.interfaces.flatMap(nic => memberOf(network.masterNets, nic) ?? []);
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
export function membersKey({ masterNets }: Pick<Network, 'masterNets'>): string {
  return masterNets.map(formatCidr).join();
}

/** A NIC of unknown state counts as up. */
export function isUp({ nic }: Pick<Member, 'nic'>): boolean {
  return nic.linkState !== 'down';
}

type Candidate = Pick<Member, 'nic' | 'hostAddresses'> & { net: IpCidr; rank: number };

function memberOf(masterNets: readonly IpCidr[], nic: HostNic): Candidate | undefined {
  const hostAddresses = addressesOf(nic);
  if (masterNets.length === 0) {
    const [first] = hostAddresses;
    return first && { nic, net: first.net, rank: 0, hostAddresses };
  }
  for (const [rank, master] of masterNets.entries()) {
    const match = hostAddresses.find(({ net }) => covers(master, net));
    if (match) return { nic, net: match.net, rank, hostAddresses };
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
