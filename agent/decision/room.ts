import { MultiNicError } from '../../core/errors.ts';
import { allocate } from '../../core/pool/allocate.ts';
import { claimsOnNode } from '../../core/pool/claim.ts';
import type { ClusterView, KnownNetwork } from '../../kube/view/clusterView.ts';
import type { PoolRecords } from '../copies/poolRecords.ts';

/** A claimant that owns no record. */
const claimant = { podUID: '', namespace: '', name: '', interface: '' };

/**
 * Whether the node has NICs and addresses for one more attachment with all of the network's NICs, as far as its own watches know. Nothing is
 * known of networks whose addresses or NICs are given by others.
 * @throws MultiNicError MNN_NODE_LACKS, MNN_NETWORK_NOT_READY, MNN_POOL_FULL
 */
export function checkRoom(view: ClusterView, records: PoolRecords, known: KnownNetwork, node: string): void {
  const { network } = known.state;
  if (!network.ownAddresses || network.nodeIndependent || network.handedOut) return;
  // Whether a target can be met is up to the next pod, which may ask for another one.
  const { nics } = claimsOnNode(known.state, view.nodeState(known, node), { request: { bestEffort: true } });
  // An address that is only resting is given out if nothing else is left.
  const grant = allocate(records.content(network), { claimant, nics }, { now: new Date(), coolDownMs: 0 });
  if (grant.ok) return;
  throw new MultiNicError(
    'MNN_POOL_FULL',
    `network ${network.name}: node ${node} has no free address in ${grant.block}`,
  );
}
