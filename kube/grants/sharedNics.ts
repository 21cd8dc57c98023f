import type { HostInterfaceSpec } from '../../core/api/types.ts';
import { overlap } from '../../core/net/cidr.ts';
import type { Network } from '../../core/network/network.ts';
import { nodePoolName } from '../../core/pool/name.ts';
import { candidatesOf } from '../../core/selection/candidates.ts';
import { keepsRecords, loadsOf, type NicLoads, sumLoads, takesWholeNic } from '../../core/selection/loads.ts';
import { keepsPromises } from '../../core/selection/wish.ts';
import type { PoolStore } from '../pools/poolStore.ts';
import type { ClusterView } from '../view/clusterView.ts';

/**
 * Other networks whose attachments compete for the same NICs of the host: both promise bandwidth of a NIC, or one of them takes NICs whole.
 * Most networks have no such competitor, and their pods cost nothing extra.
 */
export function sharersOf(view: ClusterView, network: Network, host: HostInterfaceSpec): Network[] {
  const others = view
    .networks()
    .map(({ state }) => state.network)
    .filter(other => other.name !== network.name && minds(network, other) && mayMeet(network, other));
  if (others.length === 0) return [];
  const own = new Set(nicNames(network, host));
  return others.filter(other => nicNames(other, host).some(name => own.has(name)));
}

/** Whether what one of them takes of a NIC matters to the other. */
function minds(one: Network, other: Network): boolean {
  if (!keepsRecords(other) || other.nodeIndependent) return false;
  return (keepsPromises(one) && keepsPromises(other)) || takesWholeNic(one) || takesWholeNic(other);
}

function mayMeet({ masterNets }: Network, other: Network): boolean {
  if (masterNets.length === 0 || other.masterNets.length === 0) return true;
  return masterNets.some(net => other.masterNets.some(theirs => overlap(net, theirs)));
}

function nicNames(network: Network, host: HostInterfaceSpec): string[] {
  return candidatesOf(network, host).map(({ nic }) => nic.interfaceName);
}

/**
 * What the networks' attachments hold of the node's NICs now, according to the API server.
 * @throws ApiError, TransportError, MultiNicError MNN_POOL_UNREADABLE
 */
export async function readLoads(
  store: PoolStore,
  networks: readonly Network[],
  node: string,
  timeoutMs: number,
): Promise<NicLoads> {
  const loads = networks.map(async network => {
    const { allocations } = await store.read(nodePoolName(network.name, node), timeoutMs);
    return loadsOf(network, allocations);
  });
  return sumLoads(await Promise.all(loads));
}
