import type { HostNic } from '../../core/api/types.ts';
import { compareNaturally } from '../../core/naturalOrder.ts';
import { bitsOf, formatAddress, parseAddress } from '../../core/net/address.ts';
import { contains, formatCidr, type IpCidr, parseCidr } from '../../core/net/cidr.ts';
import { withoutPrefix } from '../../core/net/interfaceAddress.ts';
import { hostEndPrefix } from '../base/ownership.ts';
import { mainTable } from '../netlink/constants.ts';
import type { AddressInfo, LinkInfo, RouteInfo } from '../netlink/types.ts';
import { primaryLink } from './primary.ts';
import type { Device } from './sysfs.ts';

/** What the kernel says of a host's links. */
export interface LinkDump {
  readonly links: readonly LinkInfo[];
  readonly addresses: readonly AddressInfo[];
  readonly routes: readonly RouteInfo[];
}

/** How to treat the primary network's NIC. */
export interface PrimaryOptions {
  /** Offer it, too. Default: no. */
  readonly withPrimary?: boolean;
  /** The node's address, which tells the primary link if no default route does; undefined: not known. */
  readonly nodeIp?: string | undefined;
}

/**
 * Kinds of links that can be a NIC: physical links (including InfiniBand and virtio) have no kind. Bridges, tunnels, dummies and the
 * sub-interfaces of other plugins belong to somebody else.
 */
const nicKinds: ReadonlySet<string> = new Set(['veth', 'bond', 'team', 'vlan', 'ipoib', 'netdevsim']);

/**
 * The links that count as NICs of the host: those with an address, in natural order of their names. Left out are the primary network's
 * unless that is wanted, ports of bridges and bonds (a pod's veth is one), and host ends of pods that this agent or another plugin made.
 * @param known NICs offered so far
 */
export function nicLinks(
  dump: LinkDump,
  { withPrimary = false, nodeIp }: PrimaryOptions = {},
  known: readonly HostNic[] = [],
): LinkInfo[] {
  const names = new Set(known.map(({ interfaceName }) => interfaceName));
  const offered = new Set(dump.links.filter(({ name }) => names.has(name)).map(({ index }) => index));
  const isOffered = (link: number): boolean => offered.has(link);
  const primary = withPrimary ? undefined : primaryLink({ ...dump, nodeIp, isOffered });
  return dump.links
    .filter(link => link.index !== primary && isNicKind(link))
    .filter(link => {
      const own = hostAddresses(link, dump.addresses);
      return own.length > 0 && !(link.kind === 'veth' && own.every(isSingle));
    })
    .sort((a, b) => compareNaturally(a.name, b.name));
}

/** A VRF only routes for its ports; any other master has taken the port over. */
function isNicKind(link: LinkInfo): boolean {
  return mayBeNic(link) && (link.master === null || link.masterKind === 'vrf');
}

/** Whether a link is of a kind that can be a NIC, whatever else becomes of it. */
export function mayBeNic({ loopback, kind, name }: LinkInfo): boolean {
  if (loopback || name.startsWith(hostEndPrefix)) return false;
  return kind === null || nicKinds.has(kind);
}

/** Name of the link that a VLAN is on; undefined for other links, and where that is in another namespace, whose numbers mean nothing here. */
export function vlanParent(link: LinkInfo, links: readonly LinkInfo[]): string | undefined {
  if (link.kind !== 'vlan' || link.linkNetnsId !== null) return undefined;
  return links.find(({ index }) => index === link.parentIndex)?.name;
}

/** Names of the links that have an address which counts, even of those that do not count as NICs. */
export function linksWithAddress({ links, addresses }: Omit<LinkDump, 'routes'>): Set<string> {
  return new Set(links.filter(link => hostAddresses(link, addresses).length > 0).map(({ name }) => name));
}

/** A link's addresses. What router advertisements add in IPv6 counts where the link has nothing else, as on hosts with IPv6 by DHCP only. */
function hostAddresses({ index }: LinkInfo, addresses: readonly AddressInfo[]): AddressInfo[] {
  const own = addresses.filter(info => info.dev === index && isHostAddress(info));
  const configured = own.filter(({ permanent, family }) => permanent || family === 4);
  return configured.length > 0 ? configured : own;
}

/**
 * Link-local addresses are everywhere and mean nothing, temporary ones (RFC 8981) change by the day, and a duplicate belongs to another
 * host.
 */
function isHostAddress({ scope, family, flags, dadFailed }: AddressInfo): boolean {
  const isTemporary = family === 6 && (flags & 0x01) !== 0;
  return scope === 'global' && !isTemporary && !dadFailed;
}

/** Without neighbours. Routed plugins (ptp, kindnet, Cilium) have such an address on the host's end of a pod's veth. */
function isSingle({ address, family }: AddressInfo): boolean {
  return address.endsWith(family === 4 ? '/32' : '/128');
}

/** No two hosts have such a name in common, so the API server is spared them (systemd.net-naming-scheme(7), ID_NET_NAME_MAC). */
const ofHardwareAddress = /^\w\wx[0-9a-f]{12}$/;

/**
 * The record of one NIC, as the HostInterface shows it: IPv4 first, and of a family first what came with a subnet. An address without one may be
 * the host's only one (DHCPv6), or one that moves from host to host. Of others the one in the subnet that the NIC is known in is first, then the
 * oldest: its pods' block and their routes follow from its subnet, which must not be another one because the NIC gets a further address, or the
 * host gives it the same ones in another order after a reboot. The kernel tells the newest of IPv6 first.
 * @param known the record so far
 */
export function hostNic(
  link: LinkInfo,
  dump: Omit<LinkDump, 'links'>,
  device: Device,
  known?: Pick<HostNic, 'netAddress'>,
): HostNic {
  const own = hostAddresses(link, dump.addresses);
  const nets = onLinkNets(link, dump.routes);
  const rank = (info: AddressInfo): number => {
    if (isSingle(info)) return 2;
    return hostAddressOf(info, nets).netAddress === known?.netAddress ? 0 : 1;
  };
  const ordered = [4, 6].flatMap(wanted => {
    const told = own.filter(({ family }) => family === wanted);
    return (wanted === 6 ? told.toReversed() : told).toSorted((a, b) => rank(a) - rank(b));
  });
  const sorted = ordered.map(info => hostAddressOf(info, nets));
  const [first] = sorted;
  const altNames = link.altNames.filter(name => !ofHardwareAddress.test(name)).sort();
  return {
    interfaceName: link.name,
    ...(altNames.length > 0 && { altNames }),
    ...first,
    ...device,
    ...(link.mac === null ? {} : { mac: link.mac }),
    mtu: link.mtu,
    linkState: link.up && link.lowerUp ? 'up' : 'down',
    ...(sorted.length > 1 ? { addresses: sorted } : {}),
  };
}

/** Subnets whose hosts the link reaches without a gateway, narrower ones first: DHCPv6 gives addresses alone, router advertisements say which these are. */
function onLinkNets({ index }: LinkInfo, routes: readonly RouteInfo[]): IpCidr[] {
  const direct = routes.filter(route => route.dev === index && isOnLink(route));
  return direct.map(({ dst }) => parseCidr(dst)).sort((a, b) => b.prefix - a.prefix);
}

/** Whether a route says that a subnet is on a link. */
export function isOnLink({ dst, gateway, type, table }: RouteInfo): boolean {
  if (gateway !== undefined || type !== 'unicast' || table !== mainTable) return false;
  const { family, prefix } = parseCidr(dst);
  return prefix > 0 && prefix < bitsOf(family);
}

/** In the canonical text form, so that texts can be compared: RFC 5952, networks without host bits. */
function hostAddressOf(info: AddressInfo, nets: readonly IpCidr[]): { netAddress: string; hostIP: string } {
  const address = parseAddress(withoutPrefix(info.address));
  const net = isSingle(info) ? nets.find(each => contains(each, address)) : undefined;
  return { netAddress: formatCidr(net ?? parseCidr(info.address)), hostIP: formatAddress(address) };
}
