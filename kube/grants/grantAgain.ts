import type { AllocatedNic } from '../../core/api/types.ts';
import { MultiNicError } from '../../core/errors.ts';
import { blocksOf } from '../../core/layout/hostBlocks.ts';
import { contains } from '../../core/net/cidr.ts';
import { tryAddressOf } from '../../core/net/interfaceAddress.ts';
import type { NicClaim } from '../../core/pool/allocate.ts';
import type { NodeState } from '../../core/pool/claim.ts';
import type { Claimant } from '../../core/pool/holder.ts';
import { candidatesOf } from '../../core/selection/candidates.ts';
import type { PoolCallOptions, PoolStore } from '../pools/poolStore.ts';
import type { KnownNetwork } from '../view/clusterView.ts';
import { nodePool } from './nodeGrant.ts';
import { grantInPages } from './pageGrant.ts';

/** What an attachment has, on which NIC of the host. */
export type AttachedNic = Required<Pick<AllocatedNic, 'master' | 'addresses'>> & Pick<AllocatedNic, 'promisedMbps'>;

/**
 * Records what an attachment has, where no pool does any more: the same addresses, or nothing. NICs are not chosen, so one whose link is down
 * will do.
 * @throws MultiNicError MNN_NODE_LACKS, MNN_NETWORK_NOT_READY, MNN_ADDRESS_OUTSIDE, and those of PoolStore.allocate: MNN_ADDRESS_TAKEN where another pod
 *   has been given one
 */
export async function grantAgain(
  store: PoolStore,
  known: KnownNetwork,
  { node, claimant, nics }: { node: NodeState; claimant: Claimant; nics: readonly AttachedNic[] },
  options: PoolCallOptions,
): Promise<void> {
  const { network } = known.state;
  const claims = nics.map(nic => claimOf(known, node, nic));
  if (network.nodeIndependent) {
    const ips = nics.flatMap(({ addresses }) => addresses);
    await grantInPages(store, network, { claimant, nics: claims, ips }, options);
  } else {
    await store.allocate(nodePool(known, node), { claimant, nics: claims }, options);
  }
}

function claimOf({ state }: KnownNetwork, node: NodeState, { master, addresses, promisedMbps }: AttachedNic): NicClaim {
  const { network, interfaces } = state;
  const members = node.host ? candidatesOf(network, node.host) : [];
  const member = members.find(({ nic }) => nic.interfaceName === master);
  if (!member) {
    throw new MultiNicError('MNN_NODE_LACKS', `network ${network.name}: node ${node.name} lacks the NIC ${master}`);
  }
  const hostIndex = network.nodeIndependent ? 0 : node.hostIndex;
  const all = hostIndex === undefined ? [] : blocksOf(network, interfaces, member, hostIndex, node.hostAddresses);
  if (all.length === 0) {
    const detail = `network ${network.name} has no address block for ${master} of node ${node.name}`;
    throw new MultiNicError('MNN_NETWORK_NOT_READY', detail);
  }
  const parsed = addresses.flatMap(text => tryAddressOf(text) ?? []);
  const blocks = all.filter(({ pod }) => parsed.some(address => contains(pod, address)));
  if (blocks.length !== addresses.length) {
    const detail = `network ${network.name}: ${addresses.join(', ')} on ${master} of node ${node.name} are not of its blocks`;
    throw new MultiNicError('MNN_ADDRESS_OUTSIDE', detail);
  }
  const { netAddress } = member;
  return { master, netAddress, blocks, wanted: [...addresses], ...(promisedMbps && { promisedMbps }) };
}
