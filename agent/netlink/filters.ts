import type { AddressInfo, AddressList, RouteInfo, RouteList, RuleInfo, RuleList } from './types.ts';

/** Whether a list operation wants an item. `dev` is the index of the link that it names, if it names one. */
export function keepsAddress(op: AddressList, dev: number | undefined, item: AddressInfo): boolean {
  return matches(item.family, op.family) && matches(item.dev, dev);
}

/** Whether a route is one that the list asks for. @param dev index of the device that is asked for */
export function keepsRoute(op: RouteList, dev: number | undefined, item: RouteInfo): boolean {
  return (
    matches(item.family, op.family) &&
    matches(item.table, op.table) &&
    matches(item.protocol, op.protocol) &&
    (op.near === undefined || isNear(item)) &&
    (matches(item.dev, dev) || (item.nexthops ?? []).some(hop => hop.dev === dev))
  );
}

function isNear({ dst, gateway, nexthops }: RouteInfo): boolean {
  return dst.endsWith('/0') || (gateway === undefined && nexthops === undefined);
}

/** Whether a rule is one that the list asks for. */
export function keepsRule(op: RuleList, item: RuleInfo): boolean {
  return matches(item.family, op.family) && matches(item.table, op.table) && matches(item.protocol, op.protocol);
}

function matches<Value>(actual: Value, wanted: Value | undefined): boolean {
  return wanted === undefined || actual === wanted;
}
