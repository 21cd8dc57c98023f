import { readNicRequest, type NicRequest } from '../core/selection/request.ts';
import { MultiNicError } from '../core/errors.ts';
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

/** What a request asks for that the network's strategy does not look at. */
export function unusedRequests({ known, request, selected }: WantedAttachment): string[] {
  const strategy = known.object.spec.attachPolicy?.strategy ?? 'none';
  const unused: string[] = [];
  if (request.class !== undefined && strategy !== 'devClass') unused.push('class');
  if (request.target !== undefined && strategy !== 'costOpt') unused.push('target');
  return unused.map(key => `cni-args.${key} has no effect in network ${selected.network}: its strategy is ${strategy}`);
}
