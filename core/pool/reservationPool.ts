import type { AllocatedNic } from '../api/types.ts';
import type { IpAddress } from '../net/address.ts';
import { cidrOf, contains, type IpCidr, tryParseCidr } from '../net/cidr.ts';
import { tryAddressOf } from '../net/interfaceAddress.ts';
import type { Network } from '../network/network.ts';
import { keepsRecords } from '../selection/loads.ts';
import { nodePoolName, pagePoolName } from './name.ts';
import { pageNumber } from './pages.ts';

/**
 * The pool that holds what a pod was granted when it was created: found again from its attachments, so that nothing but the reservation's
 * id needs to travel with the pod.
 * @param node the pod's node, where it was known
 * @returns undefined where the network keeps no records, or the attachments have no address that a pool of the network could hold
 */
export function reservationPool(
  network: Network,
  attachments: readonly AllocatedNic[],
  node: string | undefined,
): string | undefined {
  if (!keepsRecords(network)) return undefined;
  if (!network.nodeIndependent) return node === undefined ? undefined : nodePoolName(network.name, node);
  for (const { netAddress, addresses } of attachments) {
    for (const text of addresses) {
      const address = tryAddressOf(text);
      const block = address && blockAround(network, netAddress, address);
      if (block) return pagePoolName(network.name, pageNumber(block, address.value));
    }
  }
  return undefined;
}

/** The block that a node-independent address was taken from: without host bits it is the interface's vlanCIDR, or the host subnet. */
function blockAround({ subnets, ipam }: Network, netAddress: string, address: IpAddress): IpCidr | undefined {
  if (subnets.length === 0) {
    const hostSubnet = tryParseCidr(netAddress);
    return hostSubnet && contains(hostSubnet, address) ? hostSubnet : undefined;
  }
  const subnet = subnets.find(candidate => contains(candidate, address));
  return subnet && cidrOf(address, subnet.prefix + ipam.interfaceBlock);
}
