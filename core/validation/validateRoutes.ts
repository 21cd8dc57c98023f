import { parseAddress, tryParseAddress } from '../net/address.ts';
import { contains, type IpCidr, linkLocal, parseCidr, tryParseCidr } from '../net/cidr.ts';
import { error, type Finding, warning } from '../network/finding.ts';
import type { IpamRoute } from '../network/ipam.ts';
import { cidrsOf, type Draft } from './draft.ts';

/** Routes that pods get: the agent makes them, whichever IPAM they stand in. */
export function validateRoutes({ ipam, ownAddresses, subnets }: Draft): Finding[] {
  if (!ipam) return [];
  const known = ownAddresses ? cidrsOf(subnets) : [];
  return ipam.routes.flatMap((route, i) => {
    const mistake = routeMistake(route);
    if (mistake !== undefined) return [error('MNN_ROUTE_INVALID', 'spec.ipam', `routes[${i}]: ${mistake}`)];
    const obstacle = known.length > 0 ? routeObstacle(route, known) : undefined;
    if (obstacle === undefined) return [];
    return [warning('MNN_ROUTE_INVALID', 'spec.ipam', `routes[${i}]: ${obstacle}, so pods do not get it`)];
  });
}

/** Why no interface of the network has the route. */
function routeObstacle({ dst, gw }: IpamRoute, subnets: readonly IpCidr[]): string | undefined {
  const { family } = parseCidr(dst);
  if (!subnets.some(subnet => subnet.family === family)) return `the network has no IPv${family} addresses`;
  if (gw === undefined) return undefined;
  const gateway = parseAddress(gw);
  const isReached = [...subnets, linkLocal].some(net => contains(net, gateway));
  return isReached ? undefined : `gw ${gw} is in no subnet of the network`;
}

/** The largest value of a route's settings (CNI 1.1, section 5 "routes"; rtnetlink(7)). */
const routeSettings = { mtu: 65_535, advmss: 65_535, priority: 4_294_967_295, table: 4_294_967_295, scope: 255 };

function routeMistake({ dst, gw, ...settings }: IpamRoute): string | undefined {
  const net = tryParseCidr(dst);
  if (!net) return `dst "${dst}" is not a network`;
  for (const [key, most] of Object.entries(routeSettings)) {
    const value = (settings as Record<string, unknown>)[key];
    const isFine = value === undefined || (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= most);
    if (!isFine) return `${key} must be a whole number from 0 to ${most}, not ${JSON.stringify(value)}`;
  }
  if (gw === undefined) return undefined;
  const gateway = tryParseAddress(gw);
  if (!gateway) return `gw "${gw}" is not an address`;
  if (gateway.family !== net.family) return `gw ${gw} is not of the same family as dst ${dst}`;
  return undefined;
}
