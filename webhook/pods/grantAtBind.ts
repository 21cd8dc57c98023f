import { readAttachments, withAttachments } from '../../core/annotation/attachments.ts';
import { formatNetworks, interfacesIn, type NetworkSelection } from '../../core/annotation/networks.ts';
import { annotation } from '../../core/api/names.ts';
import { type Claimant, holderOf, isHeldBy } from '../../core/pool/holder.ts';
import { reservationPool } from '../../core/pool/reservationPool.ts';
import type { AttachmentChoice } from '../../core/selection/explain.ts';
import type { Pod } from '../../kube/api/resources.ts';
import { claimantOf } from '../../kube/grants/claimantOf.ts';
import { grantOnNode } from '../../kube/grants/grant.ts';
import type { Granted } from '../../kube/grants/granted.ts';
import { whenReady } from '../../kube/grants/whenReady.ts';
import { lagPatienceMs } from '../context/lag.ts';
import type { ReviewContext } from '../context/reviewContext.ts';
import { answerMs, type CallBudget } from '../review/call.ts';
import { checkNodeHas } from './fit.ts';
import { checkAnnotationSize } from './podPatch.ts';
import { choiceOf, type WantedAttachment } from './wanted.ts';

/** A pod that is being bound. */
export interface BoundPod {
  pod: Pod;
  node: string;
  dryRun: boolean;
  /** All its networks. */
  elements: NetworkSelection[];
  /** The annotations beside which they are written. */
  others: Readonly<Record<string, string>>;
}

/**
 * Grants everything, and writes it into the pod's elements, or takes nothing: a pod that waits for one of its networks would else have addresses of
 * the others on each node that was tried.
 * @throws MultiNicError as grantOnNode, MNN_ANNOTATIONS_TOO_LARGE
 */
export async function grantAtBind(
  context: ReviewContext,
  wanted: readonly WantedAttachment[],
  bound: BoundPod,
  budget: CallBudget,
): Promise<AttachmentChoice[]> {
  const { pod, elements, others, dryRun } = bound;
  const choices: AttachmentChoice[] = [];
  const taken: Taken[] = [];
  try {
    for (const item of wanted) {
      if (item.known.state.network.onNode) continue;
      const { nics, short, pool, isNew } = await grantOne(context, item, bound, budget);
      if (pool !== undefined && isNew) taken.push({ pool, claimant: claimantOf(pod, item.selected.ifname) });
      choices.push(choiceOf(item, nics, short));
      const element = elements[item.position];
      if (element) elements[item.position] = withAttachments(element, nics);
    }
    checkAnnotationSize({ ...others, [annotation.networks]: formatNetworks(elements) });
  } catch (error) {
    if (!dryRun) await giveBack(context, taken, budget);
    throw error;
  }
  return choices;
}

interface Taken {
  pool: string;
  claimant: Claimant;
}

/**
 * Before the review is answered, or not at all: once the API server does not wait any more it binds the pod all the same (failurePolicy Ignore), and
 * the pod's node takes what it finds.
 */
async function giveBack({ store, logger }: ReviewContext, taken: readonly Taken[], budget: CallBudget): Promise<void> {
  const timeoutMs = budget.remainingMs() - answerMs;
  if (timeoutMs <= 0) return;
  const release = ({ pool, claimant }: Taken): Promise<void> =>
    store
      .release(pool, record => isHeldBy(record, claimant), { timeoutMs })
      .catch((error: unknown) => {
        logger.warn({ err: error, pool, pod: claimant.name }, 'addresses of a pod that was not bound stay taken');
      });
  await Promise.all(taken.map(release));
}

/** @throws MultiNicError as grantOnNode */
async function grantOne(
  { view, store, releases, reservations }: ReviewContext,
  { selected, known, request, deviceClass }: WantedAttachment,
  { pod, node, dryRun, elements }: BoundPod,
  budget: CallBudget,
): Promise<Granted> {
  const { network } = known.state;
  const claimant = claimantOf(pod, selected.ifname);
  const held = readAttachments(selected.element['cni-args']);
  const pool = held && network.nodeIndependent && reservationPool(network, held, node);
  if (pool) {
    // Nobody waits for the confirmation, which may have been under way since the pod was created.
    const holder = { ...holderOf(claimant), interfaces: interfacesIn(elements, network.name) };
    const options = { interfaceName: claimant.interface, timeoutMs: budget.remainingMs(), dryRun };
    const record = await store.find(pool, holder, options);
    if (record?.state === 'Reserved' && !dryRun) reservations.confirm(pool, holder);
    if (record) {
      checkNodeHas(network, view.nodeState(known, node), record.nics);
      return { nics: record.nics, pool };
    }
  }
  const { ips } = selected.element;
  const wanted = { network: selected.network, claimant, request, deviceClass, node, ips };
  const grant = (): Promise<Granted> => grantOnNode(view, store, wanted, { timeoutMs: budget.remainingMs(), dryRun });
  return releases.grant(network.name, budget, () => whenReady(lagPatienceMs(budget), grant));
}
