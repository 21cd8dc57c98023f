import { compareAddresses, parseAddress, tryParseAddress, type IpAddress } from '../../core/net/address.ts';
import { withoutPrefix } from '../../core/net/interfaceAddress.ts';
import { mainTable } from '../netlink/constants.ts';
import type { AddressInfo, RouteInfo } from '../netlink/types.ts';

/** What tells the primary network's link. */
export interface PrimaryHints {
  readonly routes: readonly RouteInfo[];
  readonly addresses: readonly AddressInfo[];
  /** The node's address; undefined: not known. */
  readonly nodeIp: string | undefined;
  /** Whether a link has been offered as a NIC so far. */
  readonly isOffered: (link: number) => boolean;
}

/**
 * The primary network's link: that of the default route, and where there is none (a closed cluster) that of the node's address. So it is, too, where the
 * default route has come to a NIC that was offered so far, and the other was not: for a moment of a restart the host has only the default routes of
 * its other NICs.
 */
export function primaryLink({ routes, addresses, nodeIp, isOffered }: PrimaryHints): number | undefined {
  const byRoute = defaultLink(routes);
  const byAddress = nodeIp === undefined ? undefined : linkOf(nodeIp, addresses);
  if (byRoute === undefined || byAddress === undefined) return byRoute ?? byAddress;
  return isOffered(byRoute) && !isOffered(byAddress) ? byAddress : byRoute;
}

function linkOf(ip: string, addresses: readonly AddressInfo[]): number | undefined {
  const wanted = tryParseAddress(ip);
  return wanted && addresses.find(({ address }) => isAddress(address, wanted))?.dev;
}

function isAddress(withPrefix: string, wanted: IpAddress): boolean {
  return compareAddresses(parseAddress(withoutPrefix(withPrefix)), wanted) === 0;
}

/** Of several default routes that of lowest metric, IPv4 before IPv6. */
function defaultLink(routes: readonly RouteInfo[]): number | undefined {
  for (const dst of ['0.0.0.0/0', '::/0']) {
    const defaults = routes
      .filter(route => route.table === mainTable && route.dst === dst && route.type === 'unicast')
      .sort((a, b) => a.metric - b.metric);
    for (const { dev, nexthops } of defaults) {
      const first = dev ?? nexthops?.[0]?.dev;
      if (typeof first === 'number') return first;
    }
  }
  return undefined;
}
