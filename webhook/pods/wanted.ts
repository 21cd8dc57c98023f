import { annotation } from '../../core/api/names.ts';
import type { AllocatedNic, DeviceClass } from '../../core/api/types.ts';
import { MultiNicError } from '../../core/errors.ts';
import { deviceResources } from '../../core/network/deviceResource.ts';
import { checkAskedAddresses } from '../../core/pod/askedAddresses.ts';
import type { SelectedNetwork } from '../../core/pod/selectNetworks.ts';
import type { AttachmentChoice } from '../../core/selection/explain.ts';
import { type NicRequest, readNicRequest, requestNamed } from '../../core/selection/request.ts';
import { looksAtBandwidth } from '../../core/selection/select.ts';
import { keepsPromises, strategyOf } from '../../core/selection/wish.ts';
import type { KnownNetwork } from '../../kube/view/clusterView.ts';
import { findClass } from '../context/lookups.ts';
import type { ReviewContext } from '../context/reviewContext.ts';
import type { CallBudget } from '../review/call.ts';
import { gatewayWarnings } from './gatewayWarnings.ts';
import { macWarnings } from './macWarnings.ts';
import { unknownKeyWarnings } from './unknownKeys.ts';

/** A selection element that names a MultiNicNetwork, and what the pod asks of the network. */
export interface WantedAttachment {
  /** Position in the pod's list. */
  position: number;
  selected: SelectedNetwork & { network: string };
  known: KnownNetwork;
  request: NicRequest;
  /** What the class of the request names. */
  deviceClass?: DeviceClass;
}

/**
 * Our elements with what they ask for in `cni-args`.
 * @param annotations the pod's
 * @throws MultiNicError MNN_NETWORK_UNKNOWN, MNN_CNI_ARGS_INVALID, MNN_INTERFACE_NAME, MNN_CLASS_UNKNOWN, MNN_OVERLAP, MNN_NOT_IMPORTED, MNN_NO_ADDRESSES, or what makes the network's own spec unusable
 */
export async function readWanted(
  context: ReviewContext,
  selected: readonly SelectedNetwork[],
  annotations: Readonly<Record<string, string>>,
  budget: CallBudget,
): Promise<WantedAttachment[]> {
  const wanted = selected.flatMap((item, position): WantedAttachment[] => {
    const known = item.network === undefined ? undefined : context.view.network(item.network);
    if (item.network === undefined || !known) return [];
    mustStay(known);
    context.view.mustBeAlone(known);
    const { ips, 'default-route': gateways } = item.element;
    checkAskedAddresses(known.state.network, { ips: ips ?? [], gateways: gateways ?? [] });
    const where = `element ${position + 1} (${item.element.name}) of ${annotation.networks}`;
    const asked = readNicRequest(item.element['cni-args'] ?? undefined, where, annotations);
    const request = requestNamed(item.ifname, asked);
    return [{ position, selected: { ...item, network: item.network }, known, request }];
  });
  for (const item of wanted) {
    const { request, selected: of } = item;
    if (request.class === undefined) continue;
    const deviceClass = await findClass(context, request.class, budget);
    if (!deviceClass) {
      throw new MultiNicError('MNN_CLASS_UNKNOWN', `network ${of.network}: there is no DeviceClass "${request.class}"`);
    }
    item.deviceClass = deviceClass;
  }
  return wanted;
}

/**
 * A network may have to wait for finalizers of others, for hours, and is out of service then: nodes have no capacity of it, so that its pods would stay
 * Pending.
 * @throws MultiNicError MNN_NETWORK_UNKNOWN
 */
function mustStay({ object: { metadata } }: KnownNetwork): void {
  if (metadata.deletionTimestamp === undefined) return;
  throw new MultiNicError('MNN_NETWORK_UNKNOWN', `network ${metadata.name} is being deleted`);
}

/** Warns of requests that nobody considers, and of devices that cannot be added to the pod's own requests. */
export function unusedRequests({ known, request, selected }: WantedAttachment): string[] {
  const { object, state } = known;
  const { network } = state;
  const strategy = strategyOf(network);
  const unused = (key: string, why: string): string =>
    `cni-args.${key} has no effect in network ${selected.network}: ${why} (MNN_CNI_ARGS_INVALID)`;
  const blind = `strategy ${strategy} does not use it`;
  const warnings: string[] = [];
  if (network.handedOut) {
    if (request.masters) warnings.push(unused('masters', 'a device plugin hands out its NICs'));
    if (deviceResources(network.name, network.spec.plugin, object.status?.deviceResources).length === 0) {
      warnings.push(
        `network ${network.name}: the resources of its devices are not known, so none are added to the pod's requests (MNN_DEVICE_MISSING)`,
      );
    }
  }
  if (request.class !== undefined && strategy !== 'devClass') warnings.push(unused('class', blind));
  if (request.target !== undefined && !keepsPromises(network)) {
    const placeless = 'its addresses do not depend on the node, so no bandwidth is reserved on one';
    warnings.push(unused('target', looksAtBandwidth(strategy) && network.nodeIndependent ? placeless : blind));
  }
  const { element } = selected;
  return [
    ...warnings,
    ...unknownKeyWarnings(network, element),
    ...macWarnings(network, request, element.mac),
    ...gatewayWarnings(network, element),
  ];
}

/** What there is to explain about an attachment that got its NICs. */
export function choiceOf(
  { selected, known, request }: WantedAttachment,
  nics: readonly AllocatedNic[],
  short?: string,
): AttachmentChoice {
  return { network: known.state.network, ifname: selected.ifname, request, nics, short };
}
