import { readNicRequest, type NicRequest } from '../core/selection/request.ts';
import { MultiNicError } from '../core/errors.ts';
import { builtStrategies } from '../core/network/validatePolicy.ts';
import { annotation } from '../core/api/names.ts';
import type { SelectedNetwork } from '../core/pod/selectNetworks.ts';
import type { KnownNetwork } from '../kube/clusterView.ts';
import { classExists, type ReviewContext } from './cluster.ts';
import type { CallBudget } from './call.ts';

/** One selection element that means a MultiNicNetwork, and what the pod asks of it. */
export interface WantedAttachment {
  /** Position in the pod's list. */
  position: number;
  selected: SelectedNetwork & { network: string };
  known: KnownNetwork;
  request: NicRequest;
}

/**
 * Our elements with what they ask for in `cni-args`.
 * @throws MultiNicError MNN_CNI_ARGS_INVALID, MNN_CLASS_UNKNOWN, or what makes the network's own spec unusable
 */
export async function readWanted(
  context: ReviewContext,
  selected: readonly SelectedNetwork[],
  budget: CallBudget,
): Promise<WantedAttachment[]> {
  const wanted = selected.flatMap((item, position): WantedAttachment[] => {
    const known = item.network === undefined ? undefined : context.view.network(item.network);
    if (item.network === undefined || !known) return [];
    const where = `element ${position + 1} (${item.element.name}) of ${annotation.networks}`;
    const request = readNicRequest(item.element['cni-args'] ?? undefined, where);
    return [{ position, selected: { ...item, network: item.network }, known, request }];
  });
  for (const { request, selected: item } of wanted) {
    if (request.class === undefined || (await classExists(context, request.class, budget))) continue;
    throw new MultiNicError('MNN_CLASS_UNKNOWN', `network ${item.network}: there is no DeviceClass "${request.class}"`);
  }
  return wanted;
}

/** What a request asks for that the network's strategy does not look at, or would if it were built. */
export function unusedRequests({ known, request, selected }: WantedAttachment): string[] {
  const strategy = known.object.spec.attachPolicy?.strategy ?? 'none';
  const readers = { class: 'devClass', target: 'costOpt' };
  return (['class', 'target'] as const).flatMap(key => {
    if (request[key] === undefined) return [];
    const isRead = strategy === readers[key];
    if (isRead && builtStrategies.includes(strategy)) return [];
    const why = isRead ? 'is not built yet (MNN_STRATEGY_NOT_BUILT)' : 'does not look at it (MNN_CNI_ARGS_INVALID)';
    return [`cni-args.${key} has no effect in network ${selected.network}: strategy ${strategy} ${why}`];
  });
}
