import type { AllocatedNic } from '../../core/api/types.ts';
import { MultiNicError } from '../../core/errors.ts';
import type { IpAddress } from '../../core/net/address.ts';
import { contains, covers, tryParseCidr } from '../../core/net/cidr.ts';
import { tryAddressOf } from '../../core/net/interfaceAddress.ts';
import type { NetworkState } from '../../core/pool/claim.ts';

/**
 * Refuses a record with an address that cannot be the network's. Agents of all nodes may write all pools, as no right can be limited to "the own node",
 * and with some types the host sends whatever is for the pod's address into the pod: that must not be the API server's address.
 * @throws MultiNicError MNN_POOL_UNREADABLE
 */
export function checkRecorded(state: NetworkState, nics: readonly AllocatedNic[]): void {
  const { network } = state;
  if (!network.ownAddresses) return;
  for (const nic of nics) {
    const strange = nic.addresses.find(text => !isOfNetwork(state, nic, tryAddressOf(text)));
    if (strange === undefined) continue;
    const detail = `network ${network.name}: the pod's record has ${strange}, which is not an address of the network`;
    throw new MultiNicError('MNN_POOL_UNREADABLE', detail);
  }
}

/** A network without subnets of its own has those of its hosts, even one that masterNets named only when the pod came: the leader remembers it. */
function isOfNetwork(
  { network, interfaces }: NetworkState,
  nic: AllocatedNic,
  address: IpAddress | undefined,
): boolean {
  if (!address) return false;
  const { subnets, masterNets } = network;
  if (subnets.length > 0) return subnets.some(subnet => contains(subnet, address));
  const net = tryParseCidr(nic.netAddress);
  if (!net || !contains(net, address)) return false;
  const wasMember = interfaces.some(({ netAddress }) => netAddress === nic.netAddress);
  return masterNets.length === 0 || wasMember || masterNets.some(master => covers(master, net));
}
