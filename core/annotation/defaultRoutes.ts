import { type Family, parseAddress } from '../net/address.ts';
import type { NetworkSelection } from './networks.ts';

/** Families of the gateways that the elements' `default-route` name. An empty list names none. */
export function gatewayFamilies(elements: readonly NetworkSelection[]): Family[] {
  const gateways = elements.flatMap(element => element['default-route'] ?? []);
  return [...new Set(gateways.map(gateway => parseAddress(gateway).family))];
}

/**
 * The first element with a gateway of a family that an earlier one has a gateway of, too. multi-net-spec v1.3 §4.1.2.1.9 gives `default-route` to
 * one element only; Multus lets one have it for IPv4 and another for IPv6, whose routes never meet, and so do we.
 * @returns positions from 0; undefined where no two elements want the same route
 */
export function rivalDefaultRoute(
  elements: readonly NetworkSelection[],
): { first: number; second: number; family: Family } | undefined {
  const chosenBy = new Map<Family, number>();
  for (const [second, element] of elements.entries()) {
    for (const family of gatewayFamilies([element])) {
      const first = chosenBy.get(family);
      if (first !== undefined) return { first, second, family };
      chosenBy.set(family, second);
    }
  }
  return undefined;
}
