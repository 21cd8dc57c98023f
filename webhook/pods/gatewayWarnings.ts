import type { NetworkSelection } from '../../core/annotation/networks.ts';

/** Several gateways of one family make a multipath route without Multus; Multus has no such routes, and no pod of that kind starts. */
export function gatewayWarnings({ name, 'default-route': gateways = [] }: NetworkSelection): string[] {
  const isMany = [true, false].some(isV6 => gateways.filter(gateway => gateway.includes(':') === isV6).length > 1);
  if (!isMany) return [];
  return [
    `the element for network ${name} has several gateways of a family in default-route, with which Multus starts no pod: name one (MNN_NETWORKS_ANNOTATION_INVALID)`,
  ];
}
