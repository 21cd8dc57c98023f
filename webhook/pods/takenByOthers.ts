import { isMultiNicError } from '../../core/errors.ts';
import { claimsOnNode } from '../../core/pool/claim.ts';
import type { GrantRequest } from '../../kube/grants/grant.ts';
import { PoolFullError } from '../../kube/pools/poolFull.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';

/**
 * Whether other pods have what the pod lacks on its node, as far as the scheduler counts it: then it is up to the scheduler to let it wait, or
 * to preempt pods of lower priority, which it cannot do for a pod that was refused.
 */
export function isTakenByOthers(view: ClusterView, wanted: GrantRequest & { node: string }, error: unknown): boolean {
  if (!isMultiNicError(error)) return false;
  const known = view.mustHave(wanted.network);
  const { network } = known.state;
  if (network.nodeIndependent || network.spec.schedulerResources === false) return false;
  if (error instanceof PoolFullError) return true;
  if (error.code !== 'MNN_NODE_LACKS') return false;
  try {
    const { request, deviceClass } = wanted;
    claimsOnNode(known.state, view.nodeState(known, wanted.node), { request, deviceClass });
    return true;
  } catch (alone) {
    if (isMultiNicError(alone)) return false;
    throw alone;
  }
}
