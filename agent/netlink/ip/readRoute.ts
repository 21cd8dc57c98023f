import { defined } from '../../../core/defined.ts';
import { RTNH_F } from '../constants.ts';
import { routeTypes, scopeName } from '../names.ts';
import type { Family, NextHop, RouteInfo } from '../types.ts';
import type { IpHopJson, IpRouteJson } from './json.ts';
import { canonical } from './readAddress.ts';
import { type Indexes, indexOf } from './readLink.ts';

/** RTNH_F_* and RTM_F_* (rtnetlink.h) as `ip` names them. */
const flagBits: Readonly<Record<string, number>> = {
  dead: RTNH_F.DEAD,
  pervasive: 0x02,
  onlink: RTNH_F.ONLINK,
  offload: 0x08,
  linkdown: RTNH_F.LINKDOWN,
  unresolved: 0x20,
  trap: 0x40,
  notify: 0x100,
  rt_offload: 0x4000,
  rt_trap: 0x8000,
};

/** Reads one route of `ip -N -j -d -4 route show` or -6. `table` is the one asked for, which `ip` does not print then. */
export function readRoute(route: IpRouteJson, family: Family, table: number, indexes: Indexes): RouteInfo {
  const { metric = 0, metrics: [sizes] = [], nexthops, prefsrc } = route;
  const { dev, ...via } = readHop(route, indexes);
  return {
    family,
    dst: network(route.dst, family),
    table: Number(route.table ?? table),
    protocol: Number(route.protocol ?? 0),
    scope: scopeName(Number(route.scope ?? 0)),
    type: routeTypes.word(Number(route.type)) ?? 'unicast',
    metric,
    flags: (route.flags ?? []).reduce((bits, name) => bits | (flagBits[name] ?? 0), 0),
    ...via,
    ...defined({
      dev,
      src: prefsrc === undefined ? undefined : canonical(prefsrc),
      mtu: sizes?.mtu,
      advmss: sizes?.advmss,
      nexthops: nexthops?.map(hop => ({ weight: hop.weight ?? 1, ...readHop(hop, indexes) })),
    }),
  };
}

function readHop(hop: IpHopJson, indexes: Indexes): Pick<NextHop, 'gateway' | 'onlink'> & { readonly dev?: number } {
  const gateway = hop.gateway ?? hop.via?.host;
  const dev = hop.dev === undefined ? undefined : indexOf(hop.dev, indexes);
  return {
    ...(dev !== undefined && { dev }),
    ...(gateway !== undefined && { gateway: canonical(gateway) }),
    ...(hop.flags?.includes('onlink') === true && { onlink: true }),
  };
}

function network(dst: string, family: Family): string {
  if (dst === 'default') return family === 4 ? '0.0.0.0/0' : '::/0';
  const [address = '', prefix = family === 4 ? '32' : '128'] = dst.split('/');
  return `${canonical(address)}/${prefix}`;
}
