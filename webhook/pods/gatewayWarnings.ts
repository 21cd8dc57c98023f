import type { NetworkSelection } from '../../core/annotation/networks.ts';
import { tryParseAddress } from '../../core/net/address.ts';
import { contains, linkLocal } from '../../core/net/cidr.ts';
import type { Network } from '../../core/network/network.ts';

/**
 * Warns of gateways with which a pod starts only without Multus. There several of one family make a multipath route, and ptp's links have the host for
 * whatever gateway; Multus has no such routes, and its gateways have to be neighbours.
 */
export function gatewayWarnings(
  { name, spec }: Pick<Network, 'name' | 'spec'>,
  { 'default-route': gateways = [] }: NetworkSelection,
): string[] {
  const isMany = [true, false].some(isV6 => gateways.filter(gateway => gateway.includes(':') === isV6).length > 1);
  const isBehindHost = spec.plugin.type === 'ptp' && !gateways.every(isHost);
  const where = `the element for network ${name} has`;
  return [
    ...(isMany
      ? [
          `${where} several gateways of a family in default-route, with which Multus starts no pod: name one (MNN_NETWORKS_ANNOTATION_INVALID)`,
        ]
      : []),
    ...(isBehindHost
      ? [
          `${where} a gateway in default-route that is no neighbour, as the type is ptp, with which Multus starts no pod (MNN_GATEWAY_UNREACHABLE)`,
        ]
      : []),
  ];
}

/** A link-local address of IPv6 needs no route. */
function isHost(gateway: string): boolean {
  const address = tryParseAddress(gateway);
  return address !== undefined && contains(linkLocal, address);
}
