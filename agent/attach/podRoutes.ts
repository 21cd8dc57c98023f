import type { IpamRoute } from '../../core/network/ipam.ts';
import { tryParseAddress } from '../../core/net/address.ts';
import { contains, formatCidr, parseCidr } from '../../core/net/cidr.ts';
import type { NextHop, RouteChange } from '../netlink/types.ts';
import type { Attachment, AttachmentNic } from './attachment.ts';

/** Next hop of a ptp link: no one has it, both ends know each other's hardware address by permanent neighbour entries. */
export const linkGateways = { 4: '169.254.1.1', 6: 'fe80::1' } as const;

/** A route to be made in the pod, and the link that it is counted to. */
export interface PodRoute {
  readonly link: string;
  readonly change: RouteChange;
}

/**
 * The routes of spec.ipam.routes in the pod: several gateways of one destination become one multipath route. A gateway belongs to the
 * link whose subnet holds it; one whose link the pod did not get is left out, and a destination without any gateway left, too.
 */
export function podRoutes({ routes, nics, plugin }: Pick<Attachment, 'routes' | 'nics' | 'plugin'>): PodRoute[] {
  return [...Map.groupBy(routes, route => formatCidr(parseCidr(route.dst)))].flatMap(([dst, group]) => {
    const hops = group.flatMap(route => hopOf(route, nics, plugin.type === 'ptp') ?? []);
    const [first] = hops;
    if (!first) return [];
    const change: RouteChange =
      hops.length === 1 ? { op: 'route.add', dst, ...first } : { op: 'route.add', dst, nexthops: hops };
    return [{ link: first.dev, change }];
  });
}

interface Hop extends NextHop {
  readonly dev: string;
}

function hopOf({ dst, gw }: IpamRoute, nics: readonly AttachmentNic[], routed: boolean): Hop | undefined {
  const family = dst.includes(':') ? 6 : 4;
  const viaLink = routed ? { gateway: linkGateways[family], ...(family === 4 ? { onlink: true } : {}) } : undefined;
  if (gw === undefined || gw === '') {
    const nic = nics.find(({ addresses }) => addresses.some(address => parseCidr(address).family === family));
    return nic && { dev: nic.name, ...viaLink };
  }
  const gateway = tryParseAddress(gw);
  const nic = gateway && nics.find(({ addresses }) => addresses.some(address => contains(parseCidr(address), gateway)));
  return nic && { dev: nic.name, ...(viaLink ?? { gateway: gw }) };
}
