import { bandwidthResourceName, extendedResourceName, label, nicCountLabel } from '../../core/api/names.ts';
import type { MultiNicNetwork } from '../../core/api/types.ts';
import { type Finding, warning } from '../../core/network/finding.ts';
import { tryReadNetwork } from '../../core/network/network.ts';
import { keepsPromises } from '../../core/selection/wish.ts';
import { claimsOf } from '../../core/status/nodeClaims.ts';
import { pods } from '../../kube/api/resources.ts';
import type { ReviewContext } from '../context/reviewContext.ts';
import type { CallBudget } from '../review/call.ts';

/**
 * Warns of pods that wait for a node, and ask it for what no node has any more after the change, or the deletion: nobody can take that off them, so they
 * would wait for ever.
 */
export async function findWaiting(
  { client }: Pick<ReviewContext, 'client'>,
  before: MultiNicNetwork,
  after: MultiNicNetwork | undefined,
  budget: CallBudget,
): Promise<Finding[]> {
  const stays = new Set(after ? publishedOf(after) : []);
  const goes = publishedOf(before).filter(name => !stays.has(name));
  if (goes.length === 0) return [];
  const { items } = await client.list(pods, {
    fieldSelector: 'spec.nodeName=',
    labelSelector: `${label.injected}=true`,
    // From the API server's cache, which has them by node.
    resourceVersion: '0',
    timeoutMs: budget.remainingMs(),
  });
  for (const pod of items) {
    const { resources, labels } = claimsOf([pod]);
    const name = goes.find(each => resources.has(each) || labels.has(each));
    if (name === undefined) continue;
    const whose = `pod ${pod.metadata.namespace}/${pod.metadata.name} and maybe others that wait for a node ask it for`;
    const detail = `${whose} ${name}, which no node has then: they start only once they are created again`;
    return [warning('MNN_IN_USE', after ? 'spec' : 'metadata.name', detail)];
  }
  return [];
}

/** Names of what nodes have of the network for the scheduler, which it asks of them on behalf of pods. */
function publishedOf(object: MultiNicNetwork): string[] {
  const network = tryReadNetwork(object);
  if (!network || network.spec.schedulerResources === false) return [];
  const { name } = network;
  return [
    ...(network.ownAddresses ? [extendedResourceName(name)] : []),
    ...(keepsPromises(network) ? [bandwidthResourceName(name)] : []),
    nicCountLabel(name),
  ];
}
