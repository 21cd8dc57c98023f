import { mainTable } from '../netlink/constants.ts';
import type { RouteInfo } from '../netlink/types.ts';

/**
 * The link of the default route, which is the primary network's: of several the one of lowest metric, IPv4 before IPv6. Undefined where
 * there is no default route.
 */
export function primaryLink(routes: readonly RouteInfo[]): number | undefined {
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
