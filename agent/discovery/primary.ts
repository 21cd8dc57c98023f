import { compareAddresses, type IpAddress, parseAddress, tryParseAddress } from '../../core/net/address.ts';
import { withoutPrefix } from '../../core/net/interfaceAddress.ts';
import { hopsOf } from '../checkpoint/entry.ts';
import { mainTable } from '../netlink/constants.ts';
import type { AddressInfo, RouteInfo } from '../netlink/types.ts';

/** What the primary network's link is known by. */
export interface PrimaryHints {
  readonly routes: readonly RouteInfo[];
  readonly addresses: readonly AddressInfo[];
  /** The node's address; undefined: not known. */
  readonly nodeIp: string | undefined;
  /** Whether a link has been offered as a NIC so far. */
  readonly isOffered: (link: number) => boolean;
}

/**
 * The primary network's link: that of the best default route or, if there is none (a closed cluster), that of the node's address. Of several
 * equally good default routes (every router of an IPv6 network may advertise one) it is the link with the node's address, else one that was not
 * offered so far. The node's address also counts if the default route leads out of a NIC that was offered so far, and the link of the node's address
 * was not: for a moment of a restart, the host has only the default routes of its other NICs.
 */
export function primaryLink({ routes, addresses, nodeIp, isOffered }: PrimaryHints): number | undefined {
  const best = bestDefaultLinks(routes);
  const byRoute = best.find(link => !isOffered(link)) ?? best[0];
  const byAddress = nodeIp === undefined ? undefined : linkOf(nodeIp, addresses);
  if (byRoute === undefined || byAddress === undefined) return byRoute ?? byAddress;
  if (best.includes(byAddress)) return byAddress;
  return isOffered(byRoute) && !isOffered(byAddress) ? byAddress : byRoute;
}

function linkOf(ip: string, addresses: readonly AddressInfo[]): number | undefined {
  const wanted = tryParseAddress(ip);
  return wanted && addresses.find(({ address }) => isAddress(address, wanted))?.dev;
}

function isAddress(withPrefix: string, wanted: IpAddress): boolean {
  return compareAddresses(parseAddress(withoutPrefix(withPrefix)), wanted) === 0;
}

/** The links of the default routes of lowest metric, IPv4 before IPv6. */
function bestDefaultLinks(routes: readonly RouteInfo[]): number[] {
  for (const dst of ['0.0.0.0/0', '::/0']) {
    const defaults = routes.filter(
      route => route.table === mainTable && route.dst === dst && route.type === 'unicast' && linksOf(route).length > 0,
    );
    if (defaults.length === 0) continue;
    const lowest = Math.min(...defaults.map(({ metric }) => metric));
    return defaults.filter(({ metric }) => metric === lowest).flatMap(linksOf);
  }
  return [];
}

/** Those that a route leads out of: of a multipath route there are several. */
function linksOf(route: RouteInfo): number[] {
  return hopsOf(route).flatMap(({ dev }) => (typeof dev === 'number' ? dev : []));
}
