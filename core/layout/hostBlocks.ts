import type { InterfaceIndex } from '../api/types.ts';
import { bitsOf, type IpAddress } from '../net/address.ts';
import type { AddressIndex } from '../net/addressIndex.ts';
import { contains, covers, type IpCidr, tryParseCidr } from '../net/cidr.ts';
import type { Network } from '../network/network.ts';
import { indexOf, type NicPosition } from './interfaceIndex.ts';
import { capacityOf, excludesIn, hostSubnetLayout, type Layout, podCidr, vlanCidr } from './layout.ts';

/** The range from which a NIC's pods get addresses in one family. */
export interface Block {
  vlan: IpCidr;
  pod: IpCidr;
  /** What no pod gets unasked. */
  excludes: IpCidr[];
  /** Those of the excludes that a pod gets if it asks for them; absent: none. */
  gateways?: IpCidr[];
}

interface Unasked {
  readonly excludes: readonly IpCidr[];
  readonly gateways?: readonly IpCidr[];
}

/** What no pod gets of a block, even if it asks. */
export function refusedIn({ excludes, gateways = [] }: Unasked): IpCidr[] {
  return excludes.filter(exclude => !gateways.includes(exclude));
}

/** The network's layouts, one a family; none where blocks come from the host subnets. */
export function layoutsOf(network: Network): Layout[] {
  return network.subnets.map(subnet => ({
    subnet,
    interfaceBits: network.ipam.interfaceBlock,
    hostBits: network.ipam.hostBlock,
    excludes: network.excludes,
  }));
}

/**
 * The blocks of one NIC position on the host with that index (any index where hostBlock is 0), one a family; empty where the position
 * has no interface index or the host index does not fit.
 * @param hostAddresses addresses of hosts, never to be given to pods (they only matter without a pod subnet)
 */
export function blocksOf(
  network: Network,
  interfaces: readonly InterfaceIndex[],
  position: NicPosition,
  hostIndex: number,
  hostAddresses?: AddressIndex,
): Block[] {
  if (network.subnets.length === 0) return hostSubnetBlocks(network, position, hostIndex, hostAddresses);
  const interfaceIndex = indexOf(interfaces, position);
  if (interfaceIndex === undefined) return [];
  return layoutsOf(network).flatMap(layout => {
    const vlan = vlanCidr(layout, interfaceIndex);
    const pod = podCidr(layout, interfaceIndex, hostIndex);
    return vlan && pod ? [blockOf(network, { vlan, pod, excludes: excludesIn(layout, pod) })] : [];
  });
}

/**
 * The host index whose block an address lies in; undefined where the network has no such address.
 * @param netAddress the host subnet of the NIC that was given it
 */
export function hostIndexOf(network: Network, netAddress: string, address: IpAddress): number | undefined {
  const net = tryParseCidr(netAddress);
  const hostSubnet = net ? [hostSubnetLayout(net, network.ipam.hostBlock, [])] : [];
  const layouts = network.subnets.length === 0 ? hostSubnet : layoutsOf(network);
  const layout = layouts.find(({ subnet }) => contains(subnet, address));
  if (!layout) return undefined;
  const { hosts, podBits } = capacityOf(layout);
  return Number((address.value >> BigInt(podBits)) % hosts);
}

/** The interface index whose range an address lies in; undefined where it is in none of the network's pod subnets. */
export function interfaceIndexOf(network: Network, address: IpAddress): number | undefined {
  const layout = layoutsOf(network).find(({ subnet }) => contains(subnet, address));
  if (!layout) return undefined;
  const { subnet, interfaceBits } = layout;
  const hostBits = BigInt(bitsOf(subnet.family) - subnet.prefix - interfaceBits);
  return Number((address.value - subnet.base) >> hostBits);
}

/** Without a pod subnet the host subnet is the vlanCIDR; several NICs of a host in it share its block. */
function hostSubnetBlocks(
  network: Network,
  position: NicPosition,
  hostIndex: number,
  hostAddresses: AddressIndex | undefined,
): Block[] {
  const vlan = tryParseCidr(position.netAddress);
  if (!vlan) return [];
  const excluded = [...network.excludes, ...reservedIn(network, vlan)];
  const layout = hostSubnetLayout(vlan, network.ipam.hostBlock, excluded);
  const pod = podCidr(layout, 0, hostIndex);
  if (!pod || pod.prefix > bitsOf(pod.family)) return [];
  const excludes = excludesIn(layout, pod);
  for (const { family, value } of hostAddresses?.within(pod) ?? []) {
    excludes.push({ family, base: value, prefix: bitsOf(family) });
  }
  return [blockOf(network, { vlan, pod, excludes })];
}

function blockOf({ gateways: all }: Network, block: Block): Block {
  const gateways = all.filter(gateway => covers(block.pod, gateway));
  return gateways.length === 0 ? block : { ...block, excludes: [...block.excludes, ...gateways], gateways };
}

/**
 * AWS keeps the first four addresses of every subnet for itself (Amazon VPC User Guide, "Subnet CIDR blocks"), and refuses to assign them; what other
 * clouds and routers have is for excludeCIDRs to say.
 */
function reservedIn({ spec }: Network, { family, base, prefix }: IpCidr): IpCidr[] {
  const ofFour = bitsOf(family) - 2;
  return spec.plugin.type === 'aws-ipvlan' && prefix <= ofFour ? [{ family, base, prefix: ofFour }] : [];
}
