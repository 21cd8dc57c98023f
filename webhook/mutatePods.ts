import { annotation } from '../core/api/names.ts';
import { readAttachments, sameAttachments, withAttachments } from '../core/annotation/attachments.ts';
import { formatNetworks, parseNetworks, type NetworkSelection } from '../core/annotation/networks.ts';
import { MultiNicError } from '../core/errors.ts';
import { isBound, knownNode } from '../core/pod/knownNode.ts';
import { selectNetworks, unknown, type SelectedNetwork, type SelectionSource } from '../core/pod/selectNetworks.ts';
import { skipReason, type PodFacts } from '../core/pod/skip.ts';
import { whenReady } from '../kube/whenReady.ts';
import type { Reviewer } from './app.ts';
import type { CallBudget } from './call.ts';
import { namespaceFacts, whatIs, type ReviewContext } from './cluster.ts';
import { allow, skip } from './decision.ts';
import { checkAnyNodeFits } from './fit.ts';
import { displayName, factsOf, podOf, type AdmittedPod } from './pod.ts';
import { patienceMs, SetUpPatience } from './patience.ts';
import { podPatch } from './podPatch.ts';
import { grantAtCreate, type CreateGrants } from './reserve.ts';
import { readWanted, unusedRequests, type WantedAttachment } from './wanted.ts';

/**
 * POST /mutate-pods, pods CREATE: decides which networks the pod gets, refuses what no node can serve, and grants NICs and addresses
 * where they do not depend on the scheduler's choice. Everything else is granted when the pod is bound.
 */
export function mutatePods(context: ReviewContext): Reviewer {
  const patience = new SetUpPatience(context.view);
  return async (request, budget) => {
    const { pod, namespace } = podOf(request);
    const facts = factsOf(pod, namespace);
    const optIn = await namespaceFacts(context, namespace, budget);
    const reason = skipReason(facts, optIn.labels);
    if (reason !== undefined) return skip(reason);

    const { source, selected } = selectNetworks(facts, optIn.annotations, context.view);
    await whenReady(patienceMs(budget), () => checkForeign(context, { source, selected, namespace }, budget));
    const ours = selected.flatMap(({ network }) => network ?? []);
    await patience.wait(ours, budget);
    const wanted = await readWanted(context, selected, budget);
    if (wanted.length === 0) return skip('it selects no MultiNicNetwork');
    const chosenHere = wanted.filter(({ known }) => !known.state.network.onNode);
    const node = knownNode(pod.spec);
    const unfit = chosenHere.flatMap(({ known, request: nics }) =>
      node === undefined ? checkAnyNodeFits(known.state, nics, context.view.hosts()) : [],
    );
    const claimant = { namespace, name: displayName(pod) };
    const reserved = facts.annotations[annotation.reservation];
    const grants = await grantAtCreate(
      context,
      { wanted: chosenHere, node, isBound: isBound(pod.spec), claimant, reserved, dryRun: request.dryRun ?? false },
      budget,
    );
    const elements = elementsWith(selected, grants);
    const { operations, warnings } = podPatch(pod, {
      networks: formatNetworks(elements),
      ...(grants.reservation !== undefined && { reservation: grants.reservation }),
      resources: resourcesOf(wanted),
    });
    return allow({
      patch: operations,
      warnings: [...droppedWarnings(facts, elements), ...wanted.flatMap(unusedRequests), ...unfit, ...warnings],
      audit: auditOf(source, wanted, grants, pod),
    });
  };
}

/**
 * Elements that are no MultiNicNetwork belong to somebody else, if there is such a NetworkAttachmentDefinition.
 * @throws MultiNicError MNN_NETWORK_UNKNOWN, MNN_NETWORK_NOT_READY
 */
async function checkForeign(
  context: ReviewContext,
  { source, selected, namespace }: { source: SelectionSource; selected: readonly SelectedNetwork[]; namespace: string },
  budget: CallBudget,
): Promise<void> {
  for (const { element, network } of selected) {
    if (network !== undefined) continue;
    const ref = { namespace: element.namespace ?? namespace, name: element.name };
    const what = await whatIs(context, ref, budget);
    if (what === undefined) throw unknown(element.name, source);
    if (what === 'MultiNicNetwork') {
      throw new MultiNicError('MNN_NETWORK_NOT_READY', `network ${element.name} was made only just now`);
    }
  }
}

/** The user's elements in their order, ours with what was granted. */
function elementsWith(selected: readonly SelectedNetwork[], { granted }: CreateGrants): NetworkSelection[] {
  return selected.map(({ element }, position) => {
    const nics = granted.get(position);
    return nics ? withAttachments(element, nics) : element;
  });
}

/** One address of each NIC's block an attachment, of networks whose addresses are ours to count. */
function resourcesOf(wanted: readonly WantedAttachment[]): Map<string, number> {
  const resources = new Map<string, number>();
  for (const { known, selected } of wanted) {
    if (!known.state.network.ownAddresses) continue;
    resources.set(selected.network, (resources.get(selected.network) ?? 0) + 1);
  }
  return resources;
}

/** Attachments that came with the pod (copied from another, as a rule) and were not granted again. */
function droppedWarnings(facts: PodFacts, after: readonly NetworkSelection[]): string[] {
  const before = parseNetworks(facts.annotations[annotation.networks] ?? '');
  return before.flatMap((element, i) => {
    const came = readAttachments(element['cni-args']);
    if (!came || sameAttachments(came, readAttachments(after[i]?.['cni-args']))) return [];
    return `network ${element.name}: the attachments that came with the pod were dropped; they are another pod's`;
  });
}

function auditOf(
  source: SelectionSource,
  wanted: readonly WantedAttachment[],
  { granted }: CreateGrants,
  pod: AdmittedPod,
): Record<string, string> {
  const addresses = [...granted.values()].flatMap(nics => nics.flatMap(nic => nic.addresses));
  const node = knownNode(pod.spec);
  return {
    source,
    networks: wanted.map(({ selected }) => `${selected.network}@${selected.ifname}`).join(','),
    ...(node !== undefined && { node }),
    ...(addresses.length > 0 && { addresses: addresses.join(',') }),
  };
}
