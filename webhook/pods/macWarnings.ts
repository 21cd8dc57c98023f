import type { Network } from '../../core/network/network.ts';
import { takesMac } from '../../core/network/nicUse.ts';
import type { NicRequest } from '../../core/selection/request.ts';

/**
 * Warns of a hardware address that has no effect, or that will do for one NIC only. It is not refused: nodes may have only one NIC of the
 * network, and ipvlan and host-device have always ignored it.
 * @param mac of the pod's selection element
 */
export function macWarnings(
  network: Pick<Network, 'name' | 'spec' | 'ipam'>,
  { nics, masters }: NicRequest,
  mac = '',
): string[] {
  if (mac === '') return [];
  if (!takesMac(network)) {
    const why = `interfaces of ${network.spec.plugin.type} have the hardware address of their NIC`;
    return [`mac has no effect in network ${network.name}: ${why} (MNN_MAC_SHARED)`];
  }
  if ((nics ?? masters?.length) === 1) return [];
  return [
    `mac is for one NIC, and a node that gives the pod several of network ${network.name} does not start it: ask for cni-args nics: 1 (MNN_MAC_MANY)`,
  ];
}
