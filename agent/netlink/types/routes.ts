import type { Family, LinkRef, OpBase, Scope } from './common.ts';

/** What a route does with a packet (rtnetlink.h, RTN_*). */
export type RouteType = 'unicast' | 'local' | 'broadcast' | 'anycast' | 'multicast' | UnroutableType;
export type UnroutableType = 'blackhole' | 'unreachable' | 'prohibit' | 'throw';

export interface NextHop {
  readonly dev?: LinkRef;
  readonly gateway?: string;
  /** 1 to 256, default 1. */
  readonly weight?: number;
  /** Believe that the gateway is on the link although no route says so. */
  readonly onlink?: boolean;
}
/** The properties of a route; `route.del` needs only enough to identify it. */
export interface Route {
  /** '0.0.0.0/0' and '::/0' are the default routes. */
  readonly dst: string;
  /** Of the other family too: IPv4 by way of an IPv6 gateway (RTA_VIA). */
  readonly gateway?: string;
  readonly dev?: LinkRef;
  /** Default 254 (main). */
  readonly table?: number;
  /** Origin of the route (RTPROT_*), default 4 (static). */
  readonly protocol?: number;
  /** Default as `ip route` has it: 'link' without a gateway, 'host' for local routes, else 'global'. */
  readonly scope?: Scope;
  /** Preferred source address. */
  readonly src?: string;
  /** Priority; the lower wins. The kernel's default is 0 for IPv4 and 1024 for IPv6. */
  readonly metric?: number;
  readonly onlink?: boolean;
  readonly nexthops?: readonly NextHop[];
  readonly mtu?: number;
  readonly advmss?: number;
  /** Default 'unicast'. */
  readonly type?: RouteType;
}
/** A route as the kernel has it. `{ op: 'route.del', ...info }` removes it; links are indexes. */
export interface RouteInfo extends Route {
  readonly family: Family;
  readonly dev?: number;
  readonly table: number;
  readonly protocol: number;
  readonly scope: Scope;
  readonly type: RouteType;
  readonly metric: number;
  /** RTNH_F_* and RTM_F_* bits. */
  readonly flags: number;
}
export interface RouteList extends OpBase {
  readonly op: 'route.list';
  /** Default both. */
  readonly family?: Family;
  readonly table?: number;
  readonly protocol?: number;
  readonly dev?: LinkRef;
  /** Only default routes and those without a gateway: a routing daemon of the host may have put hundreds of thousands of others into the main table. */
  readonly near?: true;
}
/**
 * Where the kernel has a route to the same destination with the same metric, `add` fails with EEXIST, `replace` puts this one in its
 * place, and `append` puts it behind, as the kernel does with the routes of addresses in one subnet; in IPv6 routes with a gateway then
 * are one multipath route.
 */
export interface RouteChange extends Route, OpBase {
  readonly op: 'route.add' | 'route.append' | 'route.replace' | 'route.del';
}
