import { compareAddresses, parseAddress, tryParseAddress, type IpAddress } from '../../core/net/address.ts';
import { mainTable } from '../netlink/constants.ts';
import type { AddressInfo, RouteInfo } from '../netlink/types.ts';

/**
 * The primary network's link: that of the default route, and where there is none (a closed cluster, a moment of a restart) that of the node's address.
 * @param nodeIp undefined: not known
 */
export function primaryLink(
  routes: readonly RouteInfo[],
  addresses: readonly AddressInfo[],
  nodeIp: string | undefined,
): number | undefined {
  return defaultLink(routes) ?? (nodeIp === undefined ? undefined : linkOf(nodeIp, addresses));
}

function linkOf(ip: string, addresses: readonly AddressInfo[]): number | undefined {
  const wanted = tryParseAddress(ip);
  return wanted && addresses.find(({ address }) => isAddress(address, wanted))?.dev;
}

function isAddress(withPrefix: string, wanted: IpAddress): boolean {
  const [ip = ''] = withPrefix.split('/');
  return compareAddresses(parseAddress(ip), wanted) === 0;
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
