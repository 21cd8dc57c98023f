import { apiVersion, label } from '../../core/api/names.ts';
import { networkOwner, ownedBy } from '../../core/api/owner.ts';
import type { IPPool, IPPoolSpec } from '../../core/api/types.ts';
import { MultiNicError } from '../../core/errors.ts';

/** A pool: its name, and what the first allocation creates it with. */
export interface PoolRef {
  name: string;
  spec: IPPoolSpec;
  /** UID of the MultiNicNetwork, which owns the pool. */
  networkUid: string;
  /** Generation of the MultiNicNetwork that the claim is based on; absent: the claim is not based on a copy that may lag. */
  networkGeneration?: number | undefined;
  /** How many attachments fit, for people to read; absent where we give out no addresses. */
  capacity?: number | undefined;
}

/** The object that the first allocation creates. */
export function newPool({ name, spec, networkUid }: PoolRef): IPPool {
  return {
    apiVersion,
    kind: 'IPPool',
    metadata: {
      name,
      labels: { [label.network]: spec.network, ...(spec.page !== undefined && { [label.page]: String(spec.page) }) },
      ownerReferences: [ownedBy({ name: spec.network, uid: networkUid })],
    },
    spec,
  };
}

/**
 * A pool may be left over from a network that was deleted and created again: Kubernetes' garbage collector is about to delete it, with
 * whatever is written into it until then.
 * @throws MultiNicError MNN_NETWORK_NOT_READY
 */
export function checkOwner({ name, spec: { network }, networkUid }: PoolRef, found: IPPool | undefined): void {
  const owner = found && networkOwner(found.metadata);
  if (!owner || owner.uid === networkUid) return;
  const detail = `network ${network} was deleted and created again, and ippool ${name} of the old one is not deleted yet`;
  throw new MultiNicError('MNN_NETWORK_NOT_READY', detail);
}
