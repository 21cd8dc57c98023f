import type { HostNic } from '../../core/api/types.ts';
import { formatAddress, parseAddress } from '../../core/net/address.ts';
import { formatCidr, parseCidr } from '../../core/net/cidr.ts';
import { hostEndPrefix } from '../attach/attachment.ts';
import type { AddressInfo, LinkInfo, RouteInfo } from '../netlink/types.ts';
import { primaryLink } from './primary.ts';
import type { Device } from './sysfs.ts';
import { compareNaturally } from '../../core/naturalOrder.ts';

/** What the kernel says of a host's links. */
export interface LinkDump {
  readonly links: readonly LinkInfo[];
  readonly addresses: readonly AddressInfo[];
  readonly routes: readonly RouteInfo[];
}

/**
 * Kinds of links that can be a NIC: physical ones have none (InfiniBand and virtio among them). Bridges, tunnels, dummies and the
 * sub-interfaces of other plugins are somebody's private business.
 */
const nicKinds: ReadonlySet<string> = new Set(['veth', 'bond', 'team', 'vlan', 'ipoib', 'netdevsim']);

/**
 * The links that count as NICs of the host: those with an address, in natural order of their names. Left out are the primary network's
 * unless that is wanted, ports of bridges and bonds (a pod's veth is one), and host ends that this agent made.
 */
export function nicLinks(dump: LinkDump, { withPrimary = false } = {}): LinkInfo[] {
  const primary = withPrimary ? undefined : primaryLink(dump.routes);
  const addressed = new Set(dump.addresses.filter(isHostAddress).map(({ dev }) => dev));
  return dump.links
    .filter(link => link.index !== primary && addressed.has(link.index) && isNicKind(link))
    .sort((a, b) => compareNaturally(a.name, b.name));
}

function isNicKind({ loopback, kind, name, masterKind, master }: LinkInfo): boolean {
  if (loopback || name.startsWith(hostEndPrefix)) return false;
  // A VRF routes for its ports; any other master has taken the port over.
  if (master !== null && masterKind !== 'vrf') return false;
  return kind === null || nicKinds.has(kind);
}

/** Name of the link that a VLAN is on; undefined for other links, and where that is in another namespace, whose numbers mean nothing here. */
export function vlanParent(link: LinkInfo, links: readonly LinkInfo[]): string | undefined {
  if (link.kind !== 'vlan' || link.linkNetnsId !== null) return undefined;
  return links.find(({ index }) => index === link.parentIndex)?.name;
}

/** Link-local addresses are everywhere and mean nothing; temporary ones (RFC 8981) change by the day. */
function isHostAddress({ scope, permanent, family, flags }: AddressInfo): boolean {
  const isTemporary = family === 6 && (flags & 0x01) !== 0;
  return scope === 'global' && (permanent || family === 4) && !isTemporary;
}

/** The record of one NIC, as the HostInterface shows it. */
export function hostNic(link: LinkInfo, addresses: readonly AddressInfo[], device: Device): HostNic {
  const own = addresses.filter(info => info.dev === link.index && isHostAddress(info)).map(hostAddressOf);
  const sorted = [
    ...own.filter(({ hostIP }) => !hostIP.includes(':')),
    ...own.filter(({ hostIP }) => hostIP.includes(':')),
  ];
  const [first] = sorted;
  return {
    interfaceName: link.name,
    ...first,
    ...device,
    ...(link.mac === null ? {} : { mac: link.mac }),
    mtu: link.mtu,
    linkState: link.up && link.lowerUp ? 'up' : 'down',
    ...(sorted.length > 1 ? { addresses: sorted } : {}),
  };
}

/** In the one text form that everybody compares: RFC 5952, networks without host bits. */
function hostAddressOf({ address }: AddressInfo): { netAddress: string; hostIP: string } {
  const [ip = ''] = address.split('/');
  return { netAddress: formatCidr(parseCidr(address)), hostIP: formatAddress(parseAddress(ip)) };
}
