import { randomUUID } from 'node:crypto';
import type { AllocatedNic } from '../../core/api/types.ts';
import { isMultiNicError, MultiNicError } from '../../core/errors.ts';
import { claimsOnNode } from '../../core/pool/claim.ts';
import { isReservationFor, reservationId } from '../../core/pool/reservationId.ts';
import { grantAnywhere, type Granted, grantOnNode, type GrantRequest } from '../../kube/grants/grant.ts';
import { isNotReady, whenReady } from '../../kube/grants/whenReady.ts';
import { PoolDeadlineError } from '../../kube/pools/poolDeadline.ts';
import { PoolFullError } from '../../kube/pools/poolFull.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import { patienceMs } from '../context/patience.ts';
import type { ReviewContext } from '../context/reviewContext.ts';
import type { CallBudget } from '../review/call.ts';
import type { WantedAttachment } from './wanted.ts';

/** What was granted when the pod was created. */
export interface CreateGrants {
  /** Position in the pod's list → the NICs granted. */
  granted: ReadonlyMap<number, AllocatedNic[]>;
  /** Position → what a best-effort pod asked for and did not get. */
  short: ReadonlyMap<number, string>;
  /** Id under which addresses were taken; absent if none were. */
  reservation?: string;
}

export interface ReserveRequest {
  wanted: readonly WantedAttachment[];
  /** The node, if it is known already. */
  node: string | undefined;
  /** Whether that node is final: then nothing can be granted later. */
  isBound: boolean;
  claimant: { namespace: string; name: string };
  /** The reservation that came with the pod: from an earlier round of this admission, or copied from another pod. */
  reserved: string | undefined;
  dryRun: boolean;
}

/**
 * Grants what need not wait for the scheduler: everything if the node is known, else whatever does not depend on the node. All or nothing;
 * but pods of a DaemonSet may come before their node's agent has reported its NICs, before the controller has given the node its block, or
 * while other pods still have the node's addresses: they get theirs when they are bound.
 *
 * The pod has no UID yet, so its records go under an id of their own. A pod that comes with the id of a reservation under its own name gets
 * the same addresses again if they are still only reserved; the records of an existing pod stay its own, whoever copies its annotations.
 * @throws MultiNicError as grantOnNode and grantAnywhere
 */
export async function grantAtCreate(
  context: ReviewContext,
  request: ReserveRequest,
  budget: CallBudget,
): Promise<CreateGrants> {
  const { claimant, reserved } = request;
  const isOwn = reserved !== undefined && isReservationFor(reserved, claimant);
  const reservation = isOwn ? reserved : reservationId(randomUUID(), claimant);
  const granted = new Map<number, AllocatedNic[]>();
  const short = new Map<number, string>();
  const pools: string[] = [];
  try {
    for (const item of request.wanted) {
      const one = await grantOne(context, item, { ...request, reservation }, budget);
      if (!one) continue;
      granted.set(item.position, one.nics);
      if (one.short !== undefined) short.set(item.position, one.short);
      if (one.pool !== undefined) pools.push(one.pool);
    }
    // By then the API server has stopped waiting, and goes on without what was granted.
    if (budget.remainingMs() <= 1) throw new MultiNicError('MNN_DEADLINE', 'what was granted came too late');
  } catch (error) {
    if (error instanceof PoolDeadlineError) pools.push(error.pool);
    // If no decision was reached in time, a pod that was decided about before goes on with what it has.
    const goesOn = isOwn && isMultiNicError(error) && error.code === 'MNN_DEADLINE';
    if (!request.dryRun && !goesOn) giveBack(context, pools, reservation);
    throw error;
  }
  return pools.length > 0 ? { granted, short, reservation } : { granted, short };
}

async function grantOne(
  { view, store, releases }: ReviewContext,
  { selected, request, deviceClass }: WantedAttachment,
  { node, isBound, claimant, reservation, dryRun }: ReserveRequest & { reservation: string },
  budget: CallBudget,
): Promise<Granted | undefined> {
  const wanted: GrantRequest = {
    network: selected.network,
    claimant: { ...claimant, podUID: '', reservation, interface: selected.ifname },
    request,
    ips: selected.element.ips,
    deviceClass,
    held: (selected.dropped ?? []).flatMap(({ addresses }) => addresses),
  };
  if (node !== undefined && !isBound && !view.host(node)) return undefined;
  try {
    const grant = async (): Promise<Granted | undefined> => {
      const options = { timeoutMs: budget.remainingMs(), dryRun };
      if (node === undefined) return grantAnywhere(view, store, wanted, options);
      return grantOnNode(view, store, { ...wanted, node }, options);
    };
    return await releases.grant(wanted.network, budget, () => whenReady(patienceMs(budget), grant));
  } catch (error) {
    if (!isBound && (isNotReady(error) || (node !== undefined && isTaken(view, { ...wanted, node }, error))))
      return undefined;
    throw error;
  }
}

/**
 * Whether other pods have what the pod lacks on its node, as far as the scheduler counts it: then it is up to the scheduler to let it wait, or
 * to preempt pods of lower priority, which it cannot do for a pod that was refused.
 */
function isTaken(view: ClusterView, wanted: GrantRequest & { node: string }, error: unknown): boolean {
  if (!isMultiNicError(error)) return false;
  const known = view.mustHave(wanted.network);
  const { network } = known.state;
  if (network.nodeIndependent || network.spec.schedulerResources === false) return false;
  if (error instanceof PoolFullError) return true;
  if (error.code !== 'MNN_NODE_LACKS') return false;
  try {
    const { request, deviceClass } = wanted;
    claimsOnNode(known.state, view.nodeState(known, wanted.node), { request, deviceClass });
    return true;
  } catch (alone) {
    if (isMultiNicError(alone)) return false;
    throw alone;
  }
}

function giveBack({ reservations }: ReviewContext, pools: readonly string[], reservation: string): void {
  for (const pool of new Set(pools)) reservations.giveBack(pool, reservation);
}
