import { allocate } from '../../core/pool/allocate.ts';
import { claimsOnNode } from '../../core/pool/claim.ts';
import { MultiNicError } from '../../core/errors.ts';
import type { ClusterView, KnownNetwork } from '../../kube/view/clusterView.ts';
import type { PoolRecords } from '../records/poolRecords.ts';

/** Nobody: no record is this one's. */
const claimant = { podUID: '', namespace: '', name: '', interface: '' };

/**
 * Whether the node has NICs and addresses for one more attachment with all of the network's NICs, as far as its own watch knows. Of networks
 * whose addresses or NICs others give, nothing is known.
 * @throws MultiNicError MNN_NODE_LACKS, MNN_NETWORK_NOT_READY, MNN_POOL_FULL
 */
export function checkRoom(view: ClusterView, records: PoolRecords, known: KnownNetwork, node: string): void {
  const { network } = known.state;
  if (!network.ownAddresses || network.nodeIndependent || network.handedOut) return;
  // A target that is not left is the next pod's business, which may ask for another.
  const { nics } = claimsOnNode(known.state, view.nodeState(known, node), { request: { bestEffort: true } });
  // An address that is only resting is given out where nothing else is left.
  const grant = allocate(records.content(network), { claimant, nics }, { now: new Date(), coolDownMs: 0 });
  if (grant.ok) return;
  throw new MultiNicError(
    'MNN_POOL_FULL',
    `network ${network.name}: node ${node} has no free address in ${grant.block}`,
  );
}
