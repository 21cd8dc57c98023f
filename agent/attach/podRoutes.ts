import type { ResultRoute } from '../../core/cni/result.ts';
import { defined } from '../../core/defined.ts';
import { type Family, tryParseAddress } from '../../core/net/address.ts';
import { contains, formatCidr, linkLocal, parseCidr } from '../../core/net/cidr.ts';
import { mainTable } from '../netlink/constants.ts';
import type { NextHop, RouteChange } from '../netlink/types.ts';
import type { Attachment, AttachmentNic } from './attachment.ts';

/** Next hop of a ptp link: an address that nobody has; both ends know each other's hardware address from permanent neighbour entries. */
export const linkGateways = { 4: '169.254.1.1', 6: 'fe80::1' } as const;

/** The next hop on a ptp link, whatever the destination. */
export function byHost(family: Family): Pick<NextHop, 'gateway' | 'onlink'> {
  return { gateway: linkGateways[family], ...(family === 4 && { onlink: true }) };
}

/** A route to be made in the pod, and the link that it belongs to. */
export interface PodRoute {
  readonly link: string;
  readonly change: RouteChange;
}

/**
 * The pod's routes, from the network and its IPAM plugin's answer: several gateways of one destination become one multipath
 * route. A gateway belongs to the link whose subnet holds it, a link-local one to the first link with IPv6; gateways on a link that the pod did
 * not get are left out, as are destinations without any gateway left.
 */
export function podRoutes({ routes, defaultRoute, nics, plugin }: RoutePart): PodRoute[] {
  const key = ({ dst, table = mainTable, priority = 0 }: ResultRoute): string =>
    `${formatCidr(parseCidr(dst))} ${table} ${priority}`;
  const defaults = defaultRoute.map(gw => ({ dst: defaultDestination(gw), gw }));
  return [...Map.groupBy([...routes, ...defaults], key).values()].flatMap((group): PodRoute[] => {
    const hops = distinct(group.flatMap(route => hopOf(route, nics, plugin.type === 'ptp') ?? []));
    const [first] = hops;
    const [route] = group;
    if (!first || !route) return [];
    const base = { op: 'route.add' as const, dst: formatCidr(parseCidr(route.dst)), ...settingsOf(route) };
    return [{ link: first.dev, change: withHops(base, hops) }];
  });
}

/** Those of the network's routes that the pod gets: see podRoutes. */
export function reachableRoutes({ routes, nics, plugin }: Omit<RoutePart, 'defaultRoute'>): ResultRoute[] {
  return routes.filter(route => hopOf(route, nics, plugin.type === 'ptp'));
}

const hopKeys = new Set(['dev', 'gateway', 'onlink', 'nexthops']);

/** The route with these next hops, one or more, instead of its own. */
export function withHops(route: RouteChange, hops: readonly NextHop[]): RouteChange {
  const others = Object.fromEntries(Object.entries(route).filter(([key]) => !hopKeys.has(key))) as RouteChange;
  return hops.length === 1 ? { ...others, ...hops[0] } : { ...others, nexthops: hops };
}

/** The destination of the default route of a gateway's family. */
export function defaultDestination(gateway: string): string {
  return gateway.includes(':') ? '::/0' : '0.0.0.0/0';
}

type RoutePart = Pick<Attachment, 'routes' | 'defaultRoute' | 'nics' | 'plugin'>;

interface Hop extends NextHop {
  readonly dev: string;
}

/** CNI 1.1, section 5 "routes", in the kernel's words. */
function settingsOf({ mtu, advmss, priority, table, scope }: ResultRoute): Partial<RouteChange> {
  return defined({ mtu, advmss, metric: priority, table, scope });
}

function distinct(hops: readonly Hop[]): Hop[] {
  const seen = new Map(hops.map(hop => [`${hop.dev} ${hop.gateway ?? ''}`, hop]));
  return [...seen.values()];
}

function hopOf({ dst, gw }: ResultRoute, nics: readonly AttachmentNic[], routed: boolean): Hop | undefined {
  const family = dst.includes(':') ? 6 : 4;
  const viaLink = routed ? byHost(family) : undefined;
  const first = nics.find(({ addresses }) => addresses.some(address => parseCidr(address).family === family));
  if (gw === undefined || gw === '') return first && { dev: first.name, ...(viaLink ?? ownGateway(first, family)) };
  const gateway = tryParseAddress(gw);
  if (!gateway) return undefined;
  const nic = contains(linkLocal, gateway)
    ? first
    : nics.find(({ addresses }) => addresses.some(address => contains(parseCidr(address), gateway)));
  return nic && { dev: nic.name, ...(viaLink ?? { gateway: gw }) };
}

/** CNI 1.1, section 5 "routes": a route without a gateway takes the one of the address. */
function ownGateway({ gateways = [] }: AttachmentNic, family: Family): { gateway?: string } {
  const gateway = gateways.find(text => tryParseAddress(text)?.family === family);
  return gateway === undefined ? {} : { gateway };
}
