import type { NetworkSelection } from '../../core/annotation/networks.ts';
import { MultiNicError } from '../../core/errors.ts';
import { checkApplies, unknown } from '../../core/pod/selectNetworks.ts';
import { whatIs } from '../context/lookups.ts';
import type { ReviewContext } from '../context/reviewContext.ts';
import type { CallBudget } from '../review/call.ts';

/**
 * Checks elements of a pod's own list that name no MultiNicNetwork which applies where they look: they are somebody else's, if such a
 * NetworkAttachmentDefinition exists.
 * @param podNamespace where those look that name no namespace
 * @throws MultiNicError MNN_NETWORK_UNKNOWN, MNN_NETWORK_NOT_ALLOWED, MNN_NETWORK_NOT_READY
 */
export async function checkForeign(
  context: Pick<ReviewContext, 'client' | 'view'>,
  elements: readonly NetworkSelection[],
  podNamespace: string,
  budget: CallBudget,
): Promise<void> {
  // Each once: a pod may name one a hundred times.
  const refs = new Map(
    elements.map(({ namespace = podNamespace, name }) => [`${namespace}/${name}`, { namespace, name }]),
  );
  for (const ref of refs.values()) {
    const what = await whatIs(context, ref, budget);
    if (what === 'MultiNicNetwork') {
      throw new MultiNicError('MNN_NETWORK_NOT_READY', `network ${ref.name} was created or changed only just now`);
    }
    if (what !== undefined) continue;
    if (context.view.exists(ref.name)) checkApplies(context.view, ref.name, ref.namespace);
    throw unknown(ref.name, 'pod networks', `${ref.namespace}/${ref.name}`);
  }
}
