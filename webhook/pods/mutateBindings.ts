import { readAttachments } from '../../core/annotation/attachments.ts';
import {
  formatNetworks,
  interfaceNames,
  type NetworkSelection,
  parseNetworks,
} from '../../core/annotation/networks.ts';
import { annotation } from '../../core/api/names.ts';
import { MultiNicError } from '../../core/errors.ts';
import { isRecord } from '../../core/json.ts';
import { checkApplies, networkOf } from '../../core/pod/selectNetworks.ts';
import { explainShort } from '../../core/selection/explain.ts';
import { strategyOf } from '../../core/selection/wish.ts';
import { objectOf, text } from '../../core/shape.ts';
import type { Pod } from '../../kube/api/resources.ts';
import { tellChoice } from '../../kube/grants/tellChoice.ts';
import type { ReviewContext } from '../context/reviewContext.ts';
import { unassignedPod } from '../context/unassignedPods.ts';
import type { CallBudget } from '../review/call.ts';
import { allow, skip } from '../review/decision.ts';
import { removeEntry, setEntries } from '../review/jsonPatch.ts';
import { isInjected, namedMetadataShape } from '../review/pod.ts';
import { type AdmissionRequest, checkShape } from '../review/review.ts';
import type { Reviewer } from '../server/app.ts';
import { checkForeign } from './foreignNetworks.ts';
import { grantAtBind } from './grantAtBind.ts';
import { readWanted, type WantedAttachment } from './wanted.ts';

/** core/v1 Binding. */
interface Binding {
  metadata: { name: string; uid?: string; annotations?: Record<string, string> | null };
  target: { kind?: string; name: string };
}

/**
 * POST /mutate-bindings, pods/binding and bindings CREATE: the node is known now, so its NICs are chosen and their addresses taken. The
 * API server copies a Binding's annotations to the pod in the write that gives it its node, so whatever a Binding made by
 * hand says of them is overwritten.
 */
export function mutateBindings(context: ReviewContext): Reviewer {
  return async (request, budget) => {
    const { binding, namespace } = bindingOf(request);
    const node = binding.target.name;
    const { name, uid } = binding.metadata;
    const pod = await unassignedPod(context, { namespace, name, uid: uid === '' ? undefined : uid }, budget);
    const reason = whyNot(pod);
    if (!pod || reason !== undefined) return skip(reason ?? '');

    const { annotations = {} } = pod.metadata;
    const elements = parseNetworks(annotations[annotation.networks] ?? '');
    const wanted = await wantedOf(context, { elements, annotations, namespace }, budget);
    const dryRun = request.dryRun ?? false;
    const others = { ...annotations, ...binding.metadata.annotations };
    const choices = await grantAtBind(context, wanted, { pod, node, dryRun, elements, others }, budget);
    const networks = { [annotation.networks]: formatNetworks(elements) };
    const at = ['metadata', 'annotations'];
    const short = explainShort(node, choices);
    if (!dryRun) tellChoice(context.events, pod, node, choices);
    return allow({
      patch: [
        ...setEntries(at, binding.metadata.annotations, networks),
        ...removeEntry(at, binding.metadata.annotations, annotation.reservation),
      ],
      warnings: short === undefined ? [] : [short],
      audit: { ...auditOf(node, wanted, elements), ...(short !== undefined && { short }) },
    });
  };
}

const bindingShape = objectOf(
  { metadata: namedMetadataShape, target: objectOf({ kind: text, name: text }, ['name']) },
  ['metadata', 'target'],
);

function bindingOf({ object, namespace }: AdmissionRequest): { binding: Binding; namespace: string } {
  if (!isRecord(object) || namespace === undefined)
    throw new MultiNicError('MNN_REVIEW_INVALID', 'the request has no binding');
  checkShape(object, bindingShape, 'object');
  return { binding: object as unknown as Binding, namespace };
}

/** Why the pod is left alone; undefined if it is not. The API server itself refuses those that cannot be bound. */
function whyNot(pod: Pod | undefined): string | undefined {
  if (!pod) return 'the pod does not exist';
  if (pod.spec?.nodeName) return 'the pod is bound already';
  if (!isInjected(pod.metadata.labels)) return 'the pod is not injected';
  // Another webhook may have moved it there after us. It would hold addresses for its life that nothing makes an interface with.
  if (pod.spec?.hostNetwork) return 'the pod uses the host network';
  return undefined;
}

/**
 * The annotation need not be what was decided at creation: a pod that opted out then may carry our label, set by its author.
 * @throws MultiNicError MNN_NETWORK_NOT_ALLOWED, or as readWanted
 */
async function wantedOf(
  context: ReviewContext,
  pod: { elements: readonly NetworkSelection[]; annotations: Readonly<Record<string, string>>; namespace: string },
  budget: CallBudget,
): Promise<WantedAttachment[]> {
  const { elements, annotations, namespace } = pod;
  const ifnames = interfaceNames(elements);
  const selected = elements.map((element, i) => {
    const network = networkOf(element, namespace, context.view);
    if (network !== undefined) checkApplies(context.view, network, namespace);
    return { element, ifname: ifnames[i] ?? '', network };
  });
  const foreign = selected.filter(({ element, network }) => network === undefined && context.view.exists(element.name));
  await checkForeign(
    context,
    foreign.map(({ element }) => element),
    namespace,
    budget,
  );
  return readWanted(context, selected, annotations, budget);
}

function auditOf(
  node: string,
  wanted: readonly WantedAttachment[],
  elements: ReturnType<typeof parseNetworks>,
): Record<string, string> {
  const nics = wanted.flatMap(({ position }) => readAttachments(elements[position]?.['cni-args']) ?? []);
  const addresses = nics.flatMap(nic => nic.addresses);
  const promised = nics.map(({ promisedMbps = 0 }) => promisedMbps);
  return {
    node,
    networks: wanted.map(({ selected }) => `${selected.network}@${selected.ifname}`).join(','),
    masters: nics.map(({ master, netAddress }) => master ?? netAddress).join(','),
    strategies: wanted.map(({ known }) => strategyOf(known.state.network)).join(','),
    ...(addresses.length > 0 && { addresses: addresses.join(',') }),
    ...(promised.some(mbps => mbps > 0) && { promisedMbps: promised.join(',') }),
  };
}
