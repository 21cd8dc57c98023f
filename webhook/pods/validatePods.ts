import { readAttachments } from '../../core/annotation/attachments.ts';
import { interfacesIn, type NetworkSelection, parseNetworks } from '../../core/annotation/networks.ts';
import { annotation, label } from '../../core/api/names.ts';
import { isMultiNicError, MultiNicError } from '../../core/errors.ts';
import type { Network } from '../../core/network/network.ts';
import { isBound, knownNode } from '../../core/pod/knownNode.ts';
import { selectNetworks } from '../../core/pod/selectNetworks.ts';
import { factsOf, type PodFacts, skipReason } from '../../core/pod/skip.ts';
import type { Holder } from '../../core/pool/holder.ts';
import { reservationPool } from '../../core/pool/reservationPool.ts';
import { tellChoice } from '../../kube/grants/tellChoice.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import { namespaceFacts } from '../context/lookups.ts';
import type { ReviewContext } from '../context/reviewContext.ts';
import { answerMs, type CallBudget } from '../review/call.ts';
import { allow, type Decision, skip } from '../review/decision.ts';
import { type AdmittedPod, displayName, isInjected, podOf, type PodReviewOptions } from '../review/pod.ts';
import type { AdmissionRequest } from '../review/review.ts';
import type { Reviewer } from '../server/app.ts';
import { validatePodUpdate } from './validatePodUpdate.ts';
import { choiceOf, readWanted, type WantedAttachment } from './wanted.ts';

/**
 * POST /validate-pods. CREATE: no pod that should have its networks gets by without, and the addresses that were reserved for it become
 * its own, as its UID and name are final here. UPDATE: what admission decided stays as it is.
 */
export function validatePods(context: ReviewContext, options: PodReviewOptions): Reviewer {
  return (request, budget) => {
    if (request.operation === 'CREATE') return validateCreate(context, request, budget);
    if (request.operation === 'UPDATE') return validatePodUpdate(request, options);
    return skip(`${request.operation} of pods is not reviewed`);
  };
}

async function validateCreate(
  context: ReviewContext,
  request: AdmissionRequest,
  budget: CallBudget,
): Promise<Decision> {
  const { pod, namespace } = podOf(request);
  const facts = factsOf(pod, namespace);
  const optIn = await namespaceFacts(context, namespace, budget);
  const reason = skipReason(facts, optIn.labels);
  if (reason !== undefined) return skip(reason);
  const { source, selected } = selectNetworks(facts, optIn.annotations, context.view);
  const ours = selected.filter(({ network }) => network !== undefined);
  const isReplaced = ours.length === 0 && isInjected(facts.labels) && source === 'pod networks';
  if (isReplaced) {
    const detail = `pod ${displayName(pod)} has the label ${label.injected}, but its annotation ${annotation.networks} names none of our networks any more`;
    throw new MultiNicError('MNN_NOT_INJECTED', detail);
  }
  if (ours.length === 0) return skip('it selects no MultiNicNetwork');
  if (!isInjected(facts.labels) || source !== 'pod networks') {
    const names = ours.map(({ network }) => network).join(', ');
    const lost = isInjected(facts.labels) ? 'lost its networks annotation on the way' : 'was not given its networks';
    throw new MultiNicError('MNN_NOT_INJECTED', `pod ${displayName(pod)} ${lost} (${names})`);
  }
  if (request.dryRun) return allow();
  await confirmReservations(context, pod, facts, budget);
  // Such a pod is never bound, which is when its choice is reported otherwise.
  if (isBound(pod.spec))
    tellOf(context, pod, namespace, await readWanted(context, selected, facts.annotations, budget));
  return allow();
}

function tellOf(
  { events }: ReviewContext,
  pod: AdmittedPod,
  namespace: string,
  wanted: readonly WantedAttachment[],
): void {
  const elements = parseNetworks(pod.metadata.annotations?.[annotation.networks] ?? '');
  const choices = wanted.flatMap(item => {
    const nics = readAttachments(elements[item.position]?.['cni-args']);
    return nics ? [choiceOf(item, nics)] : [];
  });
  const { uid } = pod.metadata;
  const metadata = { name: displayName(pod), namespace, ...(uid !== undefined && { uid }) };
  tellChoice(events, { metadata }, pod.spec.nodeName ?? '', choices);
}

/**
 * Makes the pod's reservation its own. In pages, which all of a network's pods share, nobody waits for that: whoever needs it (the pod's
 * binding, its node's agent, the leader) looks again. A pod that has a node already gets no binding.
 * @throws MultiNicError MNN_NOT_INJECTED if a reservation is gone
 */
async function confirmReservations(
  context: ReviewContext,
  pod: AdmittedPod,
  facts: PodFacts,
  budget: CallBudget,
): Promise<void> {
  const reservation = facts.annotations[annotation.reservation];
  if (reservation === undefined) return;
  const elements = parseNetworks(facts.annotations[annotation.networks] ?? '');
  const owner = { uid: pod.metadata.uid ?? '', name: displayName(pod), namespace: facts.namespace, reservation };
  for (const [pool, { name: network, nodeIndependent: isPage }] of poolsOf(
    context.view,
    elements,
    knownNode(pod.spec),
  )) {
    const holder = { ...owner, interfaces: interfacesIn(elements, network) };
    if (isPage && !isBound(pod.spec)) context.reservations.confirm(pool, holder);
    else if (!(await isConfirmed(context, pool, holder, budget))) {
      throw new MultiNicError(
        'MNN_NOT_INJECTED',
        `the addresses reserved for pod ${holder.name} were given up meanwhile`,
      );
    }
  }
}

/** Pools that hold what was granted when the pod was created, and the network of each. */
function poolsOf(
  view: ClusterView,
  elements: readonly NetworkSelection[],
  node: string | undefined,
): Map<string, Network> {
  const pools = new Map<string, Network>();
  for (const element of elements) {
    const network = view.network(element.name)?.state.network;
    const attachments = readAttachments(element['cni-args']);
    const pool = network && attachments && reservationPool(network, attachments, node);
    if (pool !== undefined && network) pools.set(pool, network);
  }
  return pools;
}

/** Whether the pod may go on as the holder: a pool that is too busy just now does not stop it. */
async function isConfirmed(
  { store, reservations }: ReviewContext,
  pool: string,
  holder: Holder,
  budget: CallBudget,
): Promise<boolean> {
  try {
    const records = await store.confirm(pool, holder, { timeoutMs: budget.remainingMs() - answerMs });
    return records.length > 0;
  } catch (error) {
    if (!isMultiNicError(error) || error.code !== 'MNN_DEADLINE') throw error;
    reservations.confirm(pool, holder);
    return true;
  }
}
