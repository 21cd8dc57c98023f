import { bitsOf, type IpAddress } from '../net/address.ts';
import { contains, covers, type IpCidr, lastOf, sizeOf } from '../net/cidr.ts';

/**
 * The address layout of one network in one family:
 *
 *     | subnet, P bits | interface index, I bits | host index, H bits | pod offset |
 *
 * The range of an interface over all hosts is its vlanCIDR /(P+I); the range of an interface on one host its podCIDR
 * /(P+I+H). Every block is a function of this, an interface index and a host index; nothing else is stored.
 */
export interface Layout {
  subnet: IpCidr;
  interfaceBits: number;
  hostBits: number;
  excludes: readonly IpCidr[];
}

/** How many NICs, hosts and addresses per block a layout has room for. Addresses are those that pods can get, excludes not considered. */
export interface Capacity {
  interfaces: bigint;
  hosts: bigint;
  addressesPerBlock: bigint;
  podBits: number;
}

/** What the layout has room for; no addresses where it has more bits than an address. */
export function capacityOf(layout: Layout): Capacity {
  const podBits = bitsOf(layout.subnet.family) - layout.subnet.prefix - layout.interfaceBits - layout.hostBits;
  const size = podBits >= 0 ? 1n << BigInt(podBits) : 0n;
  return {
    interfaces: 1n << BigInt(layout.interfaceBits),
    hosts: 1n << BigInt(layout.hostBits),
    addressesPerBlock: layout.subnet.family === 4 ? max0(size - 2n) : max0(size - 1n),
    podBits,
  };
}

/** The range of one interface index over all hosts; undefined where the index does not fit. */
export function vlanCidr(layout: Layout, interfaceIndex: number): IpCidr | undefined {
  if (interfaceIndex < 0 || BigInt(interfaceIndex) >= 1n << BigInt(layout.interfaceBits)) return undefined;
  return subBlock(layout.subnet, layout.interfaceBits, interfaceIndex);
}

/** The range of one interface index on one host; undefined where an index does not fit. */
export function podCidr(layout: Layout, interfaceIndex: number, hostIndex: number): IpCidr | undefined {
  const vlan = vlanCidr(layout, interfaceIndex);
  return vlan && hostBlock(layout, vlan, hostIndex);
}

/** The range of a host in the range of an interface index (its vlanCidr); undefined where the host index does not fit. */
export function hostBlock({ hostBits }: Layout, vlan: IpCidr, hostIndex: number): IpCidr | undefined {
  return hostIndex < 0 || hostIndex >= 2 ** hostBits ? undefined : subBlock(vlan, hostBits, hostIndex);
}

/** The excludes that touch the block. They may leave nothing of it: see isExcluded. */
export function excludesIn(layout: Layout, block: IpCidr): IpCidr[] {
  return layout.excludes.filter(exclude => covers(block, exclude) || covers(exclude, block));
}

/** Whether excludes leave no address of the block to give out. */
export function isExcluded({ excludes }: Layout, block: IpCidr): boolean {
  return excludes.length > 0 && usableCount(block, excludes) === 0n;
}

/**
 * Whether a pod may get the address: in IPv4 not the block's first or last (network and broadcast), in IPv6 not the first
 * (subnet-router anycast, RFC 4291 §2.6.1), never an excluded one.
 */
export function isUsable(block: IpCidr, excludes: readonly IpCidr[], address: IpAddress): boolean {
  if (!contains(block, address) || address.value === block.base) return false;
  if (block.family === 4 && address.value === lastOf(block)) return false;
  return !excludes.some(exclude => contains(exclude, address));
}

function subBlock(parent: IpCidr, bits: number, index: number): IpCidr {
  const prefix = parent.prefix + bits;
  const step = 1n << BigInt(bitsOf(parent.family) - prefix);
  return { family: parent.family, base: parent.base + BigInt(index) * step, prefix };
}

function max0(value: bigint): bigint {
  return value > 0n ? value : 0n;
}

/**
 * How many usable addresses the block has, excludes taken off.
 * @param part where only those in a part of the block count
 */
export function usableCount(block: IpCidr, excludes: readonly IpCidr[], part: IpCidr = block): bigint {
  const isIn = (cidr: IpCidr, value: bigint): boolean => contains(cidr, { family: block.family, value });
  const edges = new Set([block.base, ...(block.family === 4 ? [lastOf(block)] : [])]);
  const unusable = [...edges].filter(value => isIn(part, value));
  let count = sizeOf(part) - BigInt(unusable.length);
  for (const exclude of disjoint(excludes.filter(e => covers(part, e) || covers(e, part)))) {
    if (covers(exclude, part)) return 0n;
    const outside = unusable.filter(value => isIn(exclude, value)).length;
    count -= sizeOf(exclude) - BigInt(outside);
  }
  return max0(count);
}

/** CIDRs are nested or apart, so dropping those inside another leaves disjoint ones. */
function disjoint(cidrs: readonly IpCidr[]): IpCidr[] {
  return cidrs.filter(
    (cidr, i) => !cidrs.some((other, j) => i !== j && covers(other, cidr) && (other.prefix < cidr.prefix || j < i)),
  );
}

/** The block that a host's own range is cut from in the modes without a subnet: the host subnet itself. */
export function hostSubnetLayout(netAddress: IpCidr, hostBits: number, excludes: readonly IpCidr[]): Layout {
  return { subnet: netAddress, interfaceBits: 0, hostBits, excludes };
}
