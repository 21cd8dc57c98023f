import { isDeepStrictEqual } from 'node:util';
import type { MultiNicNetwork } from '../../core/api/types.ts';
import { MultiNicError } from '../../core/errors.ts';
import { isRecord } from '../../core/json.ts';
import type { Finding } from '../../core/network/finding.ts';
import { tryReadNetwork } from '../../core/network/network.ts';
import { flag, listOf, mapOf, objectOf, text, upTo } from '../../core/shape.ts';
import { readDraft } from '../../core/validation/draft.ts';
import { validateSpecification } from '../../core/validation/validate.ts';
import { type ClusterFacts, validateInCluster } from '../../core/validation/validateInCluster.ts';
import { validateFinalizers } from '../../core/validation/validateMetadata.ts';
import { multiNicNetworks } from '../../kube/api/resources.ts';
import type { ReviewContext } from '../context/reviewContext.ts';
import type { CallBudget } from '../review/call.ts';
import { allow, decideByFindings } from '../review/decision.ts';
import { namedMetadataShape } from '../review/pod.ts';
import { checkShape } from '../review/review.ts';
import type { Reviewer } from '../server/app.ts';
import { findUseOfChange, findUseOfDeleted } from './networkUse.ts';
import { usedAddresses } from './usedAddresses.ts';
import { findWaiting } from './waitingPods.ts';

/**
 * POST /validate-networks, multinicnetworks CREATE and UPDATE: reports everything that is wrong in one answer. What can be
 * checked on the specification alone is in core/; here it is checked against other networks, the hosts and the pods that use it. DELETE:
 * refused while pods use it.
 */
export function validateNetworks(context: ReviewContext): Reviewer {
  return async (request, budget) => {
    if (request.operation === 'DELETE') {
      const network = networkOf(request.oldObject);
      const findings = hasLegalName(validateSpecification(network))
        ? [
            ...(await findUseOfDeleted(context, network, budget)),
            ...(await findWaiting(context, network, undefined, budget)),
          ]
        : [];
      // The one who deletes it waits, and would not know for what.
      const all = [...validateFinalizers(network), ...findings];
      return decideByFindings({ kind: 'MultiNicNetwork', name: network.metadata.name }, all);
    }
    const after = networkOf(request.object);
    const before = request.operation === 'UPDATE' ? networkOf(request.oldObject) : undefined;
    // Labels, finalizers and all else that is no business of ours may be changed, whatever has become of the cluster.
    if (before && isDeepStrictEqual(before.spec, after.spec)) return allow();
    const ownFindings = validateSpecification(after);
    const findings: Finding[] = [
      ...ownFindings,
      ...validateInCluster(after, {
        ...(await factsOf(context, budget)),
        // Else it was looked at when the network got the subnet, or its routes.
        usedAddresses: bringsNew(before, after) ? await usedAddresses(context.client, budget) : [],
      }),
      ...(before && hasLegalName(ownFindings) ? await findUseOfChange(context, before, after, budget) : []),
      ...(before ? await findWaiting(context, before, after, budget) : []),
    ];
    return decideByFindings({ kind: 'MultiNicNetwork', name: after.metadata.name }, findings);
  };
}

/** Whether the network is to have a subnet, or routes to one, that it has not yet. */
function bringsNew(before: MultiNicNetwork | undefined, after: MultiNicNetwork): boolean {
  if (!after.spec.subnet) return false;
  return before?.spec.subnet !== after.spec.subnet || (readDraft(after).l3 && !readDraft(before).l3);
}

/** A name that no object can have is no label value either: nobody has addresses of it. */
function hasLegalName(findings: readonly Finding[]): boolean {
  return !findings.some(({ code }) => code === 'MNN_NAME_INVALID');
}

const pluginShape = objectOf({
  cniVersion: text,
  type: text,
  args: upTo(64, mapOf(text)),
  capabilities: upTo(64, mapOf(flag)),
  dns: objectOf({ nameservers: listOf(text), domain: text, search: listOf(text), options: listOf(text) }),
});

const specShape = objectOf(
  {
    subnet: upTo(128, text),
    masterNets: upTo(256, listOf(text)),
    ipam: upTo(65_536, text),
    multiNICIPAM: flag,
    attachPolicy: objectOf({ strategy: text, target: text }),
    namespaces: upTo(4096, listOf(text)),
    schedulerResources: flag,
    plugin: pluginShape,
  },
  ['plugin'],
);

/**
 * The schema has these limits, too; they are for what does not come through it. Otherwise whoever reaches the port could keep us busy for
 * minutes with one network, as subnets and excludes are compared pair by pair.
 */
const networkShape = objectOf({ metadata: namedMetadataShape, spec: specShape }, ['metadata', 'spec']);

function networkOf(object: unknown): MultiNicNetwork {
  if (!isRecord(object)) throw new MultiNicError('MNN_REVIEW_INVALID', 'the request has no MultiNicNetwork');
  checkShape(object, networkShape, 'object');
  return object as unknown as MultiNicNetwork;
}

/** Networks are read from the API server: of two in one `kubectl apply`, the second must be compared with the first, which no copy has yet. */
async function factsOf(
  { client, view, namespaces, deviceClasses }: ReviewContext,
  budget: CallBudget,
): Promise<Omit<ClusterFacts, 'usedAddresses'>> {
  const { items } = await client.list(multiNicNetworks, { timeoutMs: budget.remainingMs() });
  return {
    networks: items.flatMap(object => tryReadNetwork(object) ?? []),
    hosts: [...view.hosts()].map(({ spec }) => spec),
    namespaceExists: name => namespaces.get(name) !== undefined,
    deviceClasses: deviceClasses.size,
  };
}
