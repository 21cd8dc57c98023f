import { isDeepStrictEqual } from 'node:util';
import { label } from '../core/api/names.ts';
import type { MultiNicNetwork } from '../core/api/types.ts';
import { isMultiNicError, MultiNicError } from '../core/errors.ts';
import type { Finding } from '../core/network/finding.ts';
import { validateSpecification } from '../core/network/validate.ts';
import { compareSpecs, validateChange } from '../core/network/validateChange.ts';
import { validateInCluster, type ClusterFacts } from '../core/network/validateInCluster.ts';
import { readPool } from '../core/pool/content.ts';
import { readNetwork, type Network } from '../core/network/network.ts';
import { ipPools, multiNicNetworks } from '../kube/resources.ts';
import type { Reviewer } from './app.ts';
import type { CallBudget } from './call.ts';
import type { ReviewContext } from './cluster.ts';
import { allow, decideByFindings } from './decision.ts';
import { isRecord } from '../core/json.ts';

/**
 * POST /validate-networks, multinicnetworks CREATE and UPDATE: says everything that is wrong in one answer. What the specification
 * alone tells is in core/; here it meets the other networks, the hosts and the pods that use it.
 */
export function validateNetworks(context: ReviewContext): Reviewer {
  return async (request, budget) => {
    const after = networkOf(request.object);
    const before = request.operation === 'UPDATE' ? networkOf(request.oldObject) : undefined;
    // Labels, finalizers and what else is no business of ours must change whatever the cluster has become since.
    if (before && isDeepStrictEqual(before.spec, after.spec)) return allow();
    const findings: Finding[] = [
      ...validateSpecification(after),
      ...validateInCluster(after, await factsOf(context, budget)),
      ...(before ? await validateUse(context, before, after, budget) : []),
    ];
    return decideByFindings({ kind: 'MultiNicNetwork', name: after.metadata.name }, findings);
  };
}

function networkOf(object: unknown): MultiNicNetwork {
  if (!isRecord(object) || !isRecord(object.metadata) || !isRecord(object.spec)) {
    throw new MultiNicError('MNN_REVIEW_INVALID', 'the request has no MultiNicNetwork');
  }
  return object as unknown as MultiNicNetwork;
}

/** Networks are asked of the API server: of two that come in one `kubectl apply` the second must meet the first, which no copy has yet. */
async function factsOf(
  { client, view, namespaces, deviceClasses }: ReviewContext,
  budget: CallBudget,
): Promise<ClusterFacts> {
  const { items } = await client.list(multiNicNetworks, { timeoutMs: budget.remainingMs() });
  return {
    networks: items.flatMap(object => readable(object) ?? []),
    hosts: [...view.hosts()].map(({ spec }) => spec),
    namespaceExists: name => namespaces.get(name) !== undefined,
    deviceClasses: deviceClasses.size,
  };
}

/** Undefined where it was stored while no webhook checked it, and cannot be read: its own status says so. */
function readable(object: MultiNicNetwork): Network | undefined {
  try {
    return readNetwork(object);
  } catch (error) {
    if (isMultiNicError(error)) return undefined;
    throw error;
  }
}

/** Only where addresses could move is the API server asked who has any. */
async function validateUse(
  { client }: ReviewContext,
  before: MultiNicNetwork,
  after: MultiNicNetwork,
  budget: CallBudget,
): Promise<Finding[]> {
  const change = compareSpecs(before, after);
  if (change.layout.length === 0 && !change.excludes) return [];
  const { items } = await client.list(ipPools, {
    labelSelector: `${label.network}=${after.metadata.name}`,
    timeoutMs: budget.remainingMs(),
  });
  const allocations = items.flatMap(pool => readPool(pool).allocations);
  return validateChange(after, change, allocations);
}
