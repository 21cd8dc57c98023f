import type { MultiNicNetwork } from '../api/types.ts';
import { parseAddress, tryParseAddress } from '../net/address.ts';
import { contains, type IpCidr, linkLocal, parseCidr, tryParseCidr } from '../net/cidr.ts';
import { usesDevicePlugin } from '../network/deviceResource.ts';
import { error, type Finding, warning } from '../network/finding.ts';
import type { IpamRoute } from '../network/ipam.ts';
import { oldFinalizer } from '../predecessor/objects.ts';
import { parseBandwidth } from '../selection/bandwidth.ts';
import { isStrategy, looksAtBandwidth } from '../selection/select.ts';
import { strategyOf } from '../selection/wish.ts';
import { cidrsOf, type Draft } from './draft.ts';

/** metadata.name: it names definitions, a routing table and the extended resource, whose parts are DNS-1123 labels. */
export function validateName({ name }: Draft): Finding[] {
  if (name.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name)) return [];
  const why = name.length > 63 ? `has ${name.length} characters` : `"${name}" is not a DNS-1123 label`;
  return [error('MNN_NAME_INVALID', 'metadata.name', why)];
}

/** Manifests that were saved from a cluster of the predecessor bring its finalizer along. */
export function validateFinalizers({ metadata }: MultiNicNetwork): Finding[] {
  return (metadata.finalizers ?? []).flatMap((name, i) =>
    oldFinalizer.test(name)
      ? [warning('MNN_FINALIZER', `metadata.finalizers[${i}]`, `${name} keeps the network from being deleted`)]
      : [],
  );
}

/** spec.attachPolicy: a strategy that is known, and can be followed; a bandwidth where it is looked at. */
export function validatePolicy(draft: Draft): Finding[] {
  return [...validateStrategy(draft), ...validateTarget(draft)];
}

function validateStrategy({ spec }: Draft): Finding[] {
  const path = 'spec.attachPolicy.strategy';
  const name = spec.attachPolicy?.strategy ?? '';
  if (name !== '' && !isStrategy(name)) return [error('MNN_STRATEGY_UNKNOWN', path, `"${String(name)}" is not known`)];
  if (strategyOf({ spec }) === 'none' || !usesDevicePlugin(spec.plugin)) return [];
  const detail = `${name} has no effect: the device plugin of type ${spec.plugin.type} chooses the NICs`;
  return [warning('MNN_STRATEGY_UNUSED', path, detail)];
}

function validateTarget({ spec, ipam, ownAddresses }: Draft): Finding[] {
  const path = 'spec.attachPolicy.target';
  const target = spec.attachPolicy?.target ?? '';
  if (target === '') return [];
  if (parseBandwidth(target) === undefined)
    return [error('MNN_TARGET_INVALID', path, `"${target}" is not a bandwidth`)];
  const strategy = strategyOf({ spec });
  if (!looksAtBandwidth(strategy)) {
    const detail = `has no effect: strategy ${strategy} does not use it, costOpt and perfOpt do`;
    return [warning('MNN_TARGET_INVALID', path, detail)];
  }
  if (!ownAddresses || ipam?.hostBlock !== 0) return [];
  const detail = 'has no effect with hostBlock 0: what is promised of a NIC is kept with the addresses of its node';
  return [warning('MNN_TARGET_INVALID', path, detail)];
}

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
  if (!tryParseAddress(gw)) return `gw "${gw}" is not an address`;
  if (parseAddress(gw).family !== net.family) return `gw ${gw} is not of the same family as dst ${dst}`;
  return undefined;
}
