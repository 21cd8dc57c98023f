import { withAttachments } from '../../core/annotation/attachments.ts';
import { formatNetworks, type NetworkSelection } from '../../core/annotation/networks.ts';
import { annotation } from '../../core/api/names.ts';
import { defined } from '../../core/defined.ts';
import { MultiNicError } from '../../core/errors.ts';
import { askedHost } from '../../core/pod/askedHost.ts';
import { checkDefaultNetwork } from '../../core/pod/defaultNetwork.ts';
import { isBound, knownNode } from '../../core/pod/knownNode.ts';
import { type SelectedNetwork, type SelectionSource, selectNetworks } from '../../core/pod/selectNetworks.ts';
import { factsOf, type PodFacts, skipReason } from '../../core/pod/skip.ts';
import { wishOf } from '../../core/selection/wish.ts';
import { whenReady } from '../../kube/grants/whenReady.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import { lagPatienceMs } from '../context/lag.ts';
import { checkNoNetwork, namespaceFacts } from '../context/lookups.ts';
import type { ReviewContext } from '../context/reviewContext.ts';
import { SetUpPatience } from '../context/setUpPatience.ts';
import type { CallBudget } from '../review/call.ts';
import { allow, type Decision, skip } from '../review/decision.ts';
import { setEntries } from '../review/jsonPatch.ts';
import { type AdmittedPod, displayName, isGated, podOf } from '../review/pod.ts';
import type { Reviewer } from '../server/app.ts';
import { creationAudit, droppedWarnings, shortWarnings, uncountedWarnings } from './creationReport.ts';
import { checkAnyNodeFits } from './fit.ts';
import { checkForeign } from './foreignNetworks.ts';
import { type CreateGrants, grantAtCreate } from './grantAtCreate.ts';
import { checkAnnotationSize, podPatch } from './podPatch.ts';
import { schedulerShare } from './schedulerShare.ts';
import { unknownNameWarnings } from './unknownNames.ts';
import { readWanted, unusedRequests, type WantedAttachment } from './wanted.ts';

/**
 * POST /mutate-pods and, as long as other replicas can be asked after this one, /try-pods; pods CREATE: decides which networks the pod gets,
 * refuses what no node can serve, and grants NICs and addresses that do not depend on the scheduler's choice. Everything else is granted
 * when the pod is bound.
 */
export function mutatePods(context: ReviewContext): Reviewer {
  const patience = new SetUpPatience(context.view);
  return async (request, budget) => {
    const { pod, namespace } = podOf(request);
    const facts = factsOf(pod, namespace);
    const optIn = await namespaceFacts(context, namespace, budget);
    const reason = skipReason(facts, optIn.labels);
    if (reason !== undefined) return skip(reason);
    // The API server would refuse it, too, but only after us.
    checkAnnotationSize(facts.annotations);
    checkDefaultNetwork(facts.annotations, context.view);

    const { source, selected } = await whenReady(lagPatienceMs(budget), async () => {
      const selection = selectNetworks(facts, optIn.annotations, context.view);
      await checkSelection(context, { ...selection, namespace }, budget);
      return selection;
    });
    const ours = selected.flatMap(({ network }) => network ?? []);
    await patience.wait(ours, budget);
    const wanted = await readWanted(context, selected, facts.annotations, budget);
    if (wanted.length === 0) return leaveToOthers(facts, selected);
    return decide(context, { pod, facts, source, selected, wanted, dryRun: request.dryRun ?? false }, budget);
  };
}

/** A pod that gets networks of ours. */
interface Chosen {
  pod: AdmittedPod;
  facts: PodFacts;
  source: SelectionSource;
  selected: readonly SelectedNetwork[];
  wanted: readonly WantedAttachment[];
  dryRun: boolean;
}

/** Grants what need not wait for the scheduler, and tells it the rest. */
async function decide(context: ReviewContext, chosen: Chosen, budget: CallBudget): Promise<Decision> {
  const { pod, facts, source, selected, wanted, dryRun } = chosen;
  const { namespace, annotations } = facts;
  // A pod that is held back, maybe for days, takes nothing before it is bound.
  const chosenHere = isGated(pod) ? [] : wanted.filter(({ known }) => !known.state.network.onNode);
  const fixed = knownNode(pod.spec);
  const node = fixed ?? askedNode(context.view, wanted);
  const unfit = node === undefined ? wanted.flatMap(item => checkFits(context, item)) : [];
  const claimant = { namespace, name: displayName(pod) };
  const { [annotation.reservation]: reserved, [annotation.reservationFor]: reservedFor } = annotations;
  const asked = { wanted: chosenHere, node, isBound: isBound(pod.spec), claimant, reserved, reservedFor, dryRun };
  const grants = await grantAtCreate(context, asked, budget);
  const elements = elementsWith(selected, grants);
  const share = schedulerShare(wanted, resource => context.quotas.forbids(namespace, resource));
  const { operations, warnings } = podPatch(pod, {
    networks: formatNetworks(elements),
    ...defined({ reservation: grants.reservation, reservationFor: grants.reservationFor }),
    resources: share.resources,
    ...(fixed === undefined && { needs: node === undefined ? { labels: share.labels } : { node } }),
  });
  return allow({
    patch: operations,
    warnings: [
      ...unknownNameWarnings(facts),
      ...droppedWarnings(facts, elements, grants.reservation),
      ...wanted.flatMap(unusedRequests),
      ...unfit,
      ...warnings,
      ...shortWarnings(wanted, grants),
      ...uncountedWarnings(share),
    ],
    audit: creationAudit({ source, wanted, grants, share, node: fixed }),
  });
}

interface Selection {
  source: SelectionSource;
  selected: readonly SelectedNetwork[];
  namespace: string;
}

/** What is not in memory may only be late. @throws MultiNicError MNN_NOT_INSTALLED, or as checkForeign */
async function checkSelection(context: ReviewContext, selection: Selection, budget: CallBudget): Promise<void> {
  const { source, selected, namespace } = selection;
  const isNoneKnown = source === 'all networks' && context.view.networkNames().length === 0;
  if (isNoneKnown) await checkNoNetwork(context, namespace, budget);
  const foreign = selected.flatMap(({ element, network }) => (network === undefined ? [element] : []));
  await checkForeign(context, foreign, namespace, budget);
}

/** Without attachments, which its author wrote: once there is a network of such a name, they would pass for what admission decided. */
function leaveToOthers(facts: PodFacts, selected: readonly SelectedNetwork[]): Decision {
  const { annotations } = facts;
  const elements = selected.map(({ element }) => element);
  const dropped = droppedWarnings(facts, elements);
  const warnings = [...unknownNameWarnings(facts), ...dropped];
  if (dropped.length === 0) return { ...skip('it selects no MultiNicNetwork'), warnings };
  const patch = setEntries(['metadata', 'annotations'], annotations, {
    [annotation.networks]: formatNetworks(elements),
  });
  return allow({ patch, warnings });
}

/** The node whose blocks have the addresses that the pod asks for. @throws MultiNicError MNN_ADDRESS_OUTSIDE if these are not one node's */
function askedNode(view: ClusterView, wanted: readonly WantedAttachment[]): string | undefined {
  const asked = wanted.flatMap(({ known: { state }, selected }) => {
    const indexes = view.hostIndexes(state.network.name);
    return askedHost(state, selected.element.ips ?? [], indexes, host => view.host(host) !== undefined) ?? [];
  });
  const [node] = asked;
  const other = asked.find(another => another !== node);
  if (other === undefined) return node;
  throw new MultiNicError('MNN_ADDRESS_OUTSIDE', `the pod asks for addresses of node ${node} and of node ${other}`);
}

/** @returns warnings @throws MultiNicError MNN_NO_NODE_FITS */
function checkFits({ profiles }: ReviewContext, { known, request, deviceClass }: WantedAttachment): string[] {
  const { network } = known.state;
  if (network.handedOut) return [];
  return checkAnyNodeFits(network, wishOf(network, request, deviceClass), profiles.of(known));
}

/** The user's elements in their order, ours with what was granted. */
function elementsWith(selected: readonly SelectedNetwork[], { granted }: CreateGrants): NetworkSelection[] {
  return selected.map(({ element }, position) => {
    const nics = granted.get(position);
    return nics ? withAttachments(element, nics) : element;
  });
}
