import { readNetworks } from '../../core/annotation/networks.ts';
import { annotation, bandwidthResourceName, extendedResourceName, nicCountLabel } from '../../core/api/names.ts';
import type { MultiNicNetwork } from '../../core/api/types.ts';
import { type Finding, warning } from '../../core/network/finding.ts';
import { tryReadNetwork } from '../../core/network/network.ts';
import { keepsPromises } from '../../core/selection/wish.ts';
import { claimsOf } from '../../core/status/nodeClaims.ts';
import { type Pod, pods } from '../../kube/api/resources.ts';
import type { ReviewContext } from '../context/reviewContext.ts';
import type { CallBudget } from '../review/call.ts';

/** Of the pods that wait, only some are read: they are mostly alike, and there may be tens of thousands. */
const mostRead = 8;

/**
 * Warns of pods that wait for a node, and ask it for what no node has any more after the change, or the deletion: nobody can take that off them, so they
 * would wait for ever.
 */
export async function findWaiting(
  { client, unassignedPods }: Pick<ReviewContext, 'client' | 'unassignedPods'>,
  before: MultiNicNetwork,
  after: MultiNicNetwork | undefined,
  budget: CallBudget,
): Promise<Finding[]> {
  const stays = new Set(after ? publishedOf(after) : []);
  const goes = publishedOf(before).filter(name => !stays.has(name));
  if (goes.length === 0) return [];
  const waiting = [...unassignedPods.list()].filter(selecting(before.metadata.name));
  for (const { metadata } of waiting.slice(0, mostRead)) {
    // The copy does not have what it asks for.
    const pod = await client.find(pods, metadata, { timeoutMs: budget.remainingMs() });
    if (!pod || pod.spec?.nodeName !== undefined) continue;
    const { resources, labels } = claimsOf([pod]);
    const name = goes.find(each => resources.has(each) || labels.has(each));
    if (name === undefined) continue;
    const whose = `pod ${metadata.namespace}/${metadata.name} and maybe others that wait for a node ask it for`;
    const detail = `${whose} ${name}, which no node has then: they start only once they are created again`;
    return [warning('MNN_IN_USE', after ? 'spec' : 'metadata.name', detail)];
  }
  return [];
}

/** Tells the pods of a network. */
function selecting(network: string): (pod: Pod) => boolean {
  return ({ metadata }) => {
    const text = metadata.annotations?.[annotation.networks] ?? '';
    return text.includes(network) && (readNetworks(text) ?? []).some(({ name }) => name === network);
  };
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
