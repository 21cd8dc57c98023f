import type { NextHop, RouteChange } from '../types.ts';
import { device, flag, option, verb } from './words.ts';

/** ip-route(8). */
export function routeWords(op: RouteChange): string[] {
  const ipv6 = op.dst.includes(':');
  return [
    ...['route', verb(op.op), op.type ?? 'unicast', op.dst],
    ...via(op, ipv6),
    ...option('table', op.table),
    ...option('proto', op.protocol ?? (op.op === 'route.del' ? undefined : 'static')),
    ...option('scope', op.scope),
    ...option('src', op.src),
    ...option('metric', op.metric),
    ...option('mtu', op.mtu),
    ...option('advmss', op.advmss),
    ...flag('onlink', op.onlink),
    ...(op.nexthops ?? []).flatMap(hop => [
      ...['nexthop', ...via(hop, ipv6)],
      ...option('weight', hop.weight),
      ...flag('onlink', hop.onlink),
    ]),
  ];
}

function via({ gateway, dev }: NextHop, ipv6: boolean): string[] {
  const other = gateway !== undefined && gateway.includes(':') !== ipv6;
  return [
    ...(gateway === undefined ? [] : ['via', ...(other ? [ipv6 ? 'inet' : 'inet6'] : []), gateway]),
    ...option('dev', dev === undefined ? undefined : device(dev)),
  ];
}
