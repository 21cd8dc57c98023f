import { networkOwner } from '../../core/api/owner.ts';
import type { IPPool } from '../../core/api/types.ts';
import { auditedPool } from '../../core/audit/readPool.ts';
import { MultiNicError } from '../../core/errors.ts';
import { isRecord } from '../../core/json.ts';
import { listOf, objectOf, text } from '../../core/shape.ts';
import { validateDeletion } from '../../core/validation/validateChange.ts';
import { multiNicNetworks, nodes } from '../../kube/api/resources.ts';
import type { ReviewContext } from '../context/reviewContext.ts';
import type { CallBudget } from '../review/call.ts';
import { allow, decideByFindings, skip } from '../review/decision.ts';
import { checkShape } from '../review/review.ts';
import type { Reviewer } from '../server/app.ts';

/**
 * POST /validate-pools, ippools DELETE: refused while pods hold addresses of the pool, which others would get. Whoever cleans up after a network
 * or node that is gone may delete it (the garbage collector, the leader, an administrator).
 */
export function validatePools(context: ReviewContext): Reviewer {
  return async ({ oldObject }, budget) => {
    const pool = poolOf(oldObject);
    const findings = validateDeletion(auditedPool(pool).allocations);
    if (findings.length === 0) return allow();
    if (!(await hasUse(context, pool, budget))) return skip('its network or node is gone');
    return decideByFindings({ kind: 'IPPool', name: pool.metadata.name }, findings);
  };
}

/** Whether the network and the node that the pool was made for exist, as the API server says now. */
async function hasUse({ client }: ReviewContext, { metadata, spec }: IPPool, budget: CallBudget): Promise<boolean> {
  const options = { timeoutMs: budget.remainingMs() };
  const network = await client.find(multiNicNetworks, { name: spec.network }, options);
  if (!network || network.metadata.deletionTimestamp !== undefined) return false;
  const owner = networkOwner(metadata);
  // The pool is of an earlier network of that name.
  if (owner && owner.uid !== network.metadata.uid) return false;
  return spec.hostName === undefined || (await client.find(nodes, { name: spec.hostName }, options)) !== undefined;
}

const ownerShape = objectOf({ apiVersion: text, kind: text, uid: text }, ['apiVersion', 'kind', 'uid']);
const metadataShape = objectOf({ name: text, ownerReferences: listOf(ownerShape) }, ['name']);

const poolShape = objectOf(
  {
    metadata: metadataShape,
    // The predecessor's pools have neither.
    spec: objectOf({ network: text, hostName: text }),
    status: objectOf({ allocations: listOf(text) }),
  },
  ['metadata', 'spec'],
);

function poolOf(object: unknown): IPPool {
  if (!isRecord(object)) throw new MultiNicError('MNN_REVIEW_INVALID', 'the request has no IPPool');
  checkShape(object, poolShape, 'oldObject');
  return object as unknown as IPPool;
}
