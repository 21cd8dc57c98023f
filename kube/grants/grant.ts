import type { DeviceClass } from '../../core/api/types.ts';
import type { Network } from '../../core/network/network.ts';
import type { NicClaim } from '../../core/pool/allocate.ts';
import { claimsAnywhere, claimsOnNode } from '../../core/pool/claim.ts';
import type { Claimant } from '../../core/pool/holder.ts';
import { keepsRecords } from '../../core/selection/loads.ts';
import type { NicRequest } from '../../core/selection/request.ts';
import type { DevicePlacement } from '../../core/selection/types.ts';
import type { PoolCallOptions, PoolStore } from '../pools/poolStore.ts';
import type { ClusterView } from '../view/clusterView.ts';
import type { HostProfiles } from '../view/hostProfiles.ts';
import type { Granted } from './granted.ts';
import { grantInNodePool } from './nodeGrant.ts';
import { grantInPages, type PageClaim } from './pageGrant.ts';
import { sharersOf } from './sharedNics.ts';

/** One attachment that wants NICs and addresses. */
export interface GrantRequest {
  network: string;
  claimant: Claimant;
  request: NicRequest;
  /** Addresses that the pod asks for, one per NIC in interface order. */
  ips?: readonly string[] | undefined;
  /** What the class of the request names, where the network's strategy considers it. */
  deviceClass?: DeviceClass | undefined;
  /** Where the pod's devices are, where the network's strategy considers it. */
  placement?: DevicePlacement | undefined;
  /** Addresses that the attachment may hold already: where to look first. */
  held?: readonly string[];
}

/**
 * Chooses NICs on the node and takes their addresses and bandwidth.
 * @throws MultiNicError MNN_NETWORK_UNKNOWN, MNN_OVERLAP, MNN_NOT_IMPORTED, MNN_NODE_NOT_READY, MNN_NODE_LACKS, MNN_NETWORK_NOT_READY, and those of PoolStore.allocate
 */
export async function grantOnNode(
  view: ClusterView,
  store: PoolStore,
  { claimant, request, ips, deviceClass, placement, held, ...wanted }: GrantRequest & { node: string },
  options: PoolCallOptions,
): Promise<Granted> {
  const known = view.mustHave(wanted.network);
  view.mustBeAlone(known);
  const { network } = known.state;
  const node = view.nodeState(known, wanted.node);
  const choice = { request, ips, deviceClass, placement };
  if (keepsRecords(network) && !network.nodeIndependent) {
    const sharers = node.host ? sharersOf(view, network, node.host) : [];
    const { allocation, pool, short, isNew } = await grantInNodePool(
      store,
      { known, node, claimant, choice, sharers },
      options,
    );
    return { nics: allocation.nics, pool, isNew, short };
  }
  const { nics, short } = claimsOnNode(known.state, node, choice);
  const granted = network.ownAddresses
    ? await grantInPages(store, network, { claimant, nics, ips, held }, options)
    : { nics: nics.map(withoutAddresses), pool: undefined };
  return { ...granted, short };
}

/**
 * What the attachment takes of a node-independent network, before its node is known. Undefined where the choice has to wait for the node.
 * @param profiles kinds of hosts
 * @throws MultiNicError MNN_NETWORK_UNKNOWN, MNN_OVERLAP, MNN_NOT_IMPORTED, MNN_NETWORK_NOT_READY
 */
export function claimAnywhere(
  view: ClusterView,
  profiles: HostProfiles,
  wanted: GrantRequest,
): { network: Network; claim: PageClaim } | undefined {
  const known = view.mustHave(wanted.network);
  view.mustBeAlone(known);
  const { network } = known.state;
  if (!network.nodeIndependent) return undefined;
  const kinds = Array.from(profiles.of(known), ({ members }) => members);
  const nics = claimsAnywhere(known.state, wanted.request, wanted.ips ?? [], kinds);
  return nics && { network, claim: { ...wanted, nics } };
}

function withoutAddresses({ master, netAddress }: NicClaim): Granted['nics'][number] {
  return { ...(master === undefined ? {} : { master }), netAddress, addresses: [] };
}
