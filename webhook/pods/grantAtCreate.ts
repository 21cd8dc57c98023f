import { randomUUID } from 'node:crypto';
import type { AllocatedNic } from '../../core/api/types.ts';
import { isMultiNicError, MultiNicError } from '../../core/errors.ts';
import { isReservationFor, podDigest, reservationId } from '../../core/pool/reservationId.ts';
import { claimAnywhere, grantOnNode, type GrantRequest } from '../../kube/grants/grant.ts';
import type { Granted } from '../../kube/grants/granted.ts';
import { grantInPages } from '../../kube/grants/pageGrant.ts';
import { isNotReady, whenReady } from '../../kube/grants/whenReady.ts';
import { PoolDeadlineError } from '../../kube/pools/poolDeadline.ts';
import { lagPatienceMs } from '../context/lag.ts';
import type { ReviewContext } from '../context/reviewContext.ts';
import type { CallBudget } from '../review/call.ts';
import { isTakenByOthers } from './takenByOthers.ts';
import type { WantedAttachment } from './wanted.ts';

/** What was granted when the pod was created. */
export interface CreateGrants {
  /** Position in the pod's list → the NICs granted. */
  granted: ReadonlyMap<number, AllocatedNic[]>;
  /** Position → what a best-effort pod asked for and did not get. */
  short: ReadonlyMap<number, string>;
  /** Id under which addresses were taken; absent if none were. */
  reservation?: string;
  /** Tells that it is the pod's, where the id itself does not: see podDigest(). */
  reservationFor?: string;
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
  /** The digest that came with it. */
  reservedFor: string | undefined;
  dryRun: boolean;
}

/**
 * Grants what need not wait for the scheduler: everything if the node is known, else whatever does not depend on the node. All or nothing;
 * but pods of a DaemonSet may come before their node's agent has reported its NICs, before the controller has given the node its block, or
 * while other pods still have the node's addresses: they get theirs when they are bound.
 *
 * The pod has no UID yet, so its records go under an id of their own. A pod that comes with the id of a reservation under its own name gets
 * the same addresses again if they are still only reserved; the records of an existing pod stay its own, whoever copies its annotations.
 * @throws MultiNicError as grantOnNode and grantInPages
 */
export async function grantAtCreate(
  context: ReviewContext,
  request: ReserveRequest,
  budget: CallBudget,
): Promise<CreateGrants> {
  const { claimant, reserved, reservedFor } = request;
  const isOwn = reserved !== undefined && isReservationFor(reserved, claimant, reservedFor);
  const reservation = isOwn ? reserved : reservationId(randomUUID(), claimant);
  const taken: Taken = { granted: new Map(), short: new Map(), pools: [], reservation, isOwn };
  try {
    await grantEach(context, request, taken, budget);
    // By then the API server has stopped waiting, and goes on without what was granted.
    if (budget.remainingMs() <= 1) throw new MultiNicError('MNN_DEADLINE', 'what was granted came too late');
  } catch (error) {
    if (error instanceof PoolDeadlineError) taken.pools.push(error.pool);
    // If no decision was reached in time, a pod that was decided about before goes on with what it has.
    const goesOn = isOwn && isMultiNicError(error) && error.code === 'MNN_DEADLINE';
    if (!request.dryRun && !goesOn) giveBack(context, taken);
    throw error;
  }
  const { granted, short, pools } = taken;
  if (pools.length === 0) return { granted, short };
  const isPlain = isReservationFor(taken.reservation, claimant);
  return { granted, short, reservation: taken.reservation, ...(!isPlain && { reservationFor: podDigest(claimant) }) };
}

/** What was granted so far. */
interface Taken {
  readonly granted: Map<number, AllocatedNic[]>;
  readonly short: Map<number, string>;
  readonly pools: string[];
  reservation: string;
  /** Whether the reservation came with the pod. */
  readonly isOwn: boolean;
}

async function grantEach(
  context: ReviewContext,
  request: ReserveRequest,
  taken: Taken,
  budget: CallBudget,
): Promise<void> {
  for (const item of request.wanted) {
    // A pod has one id, so only the first of its attachments can have a reservation that is there already.
    const mayBeReady = !taken.isOwn && !request.dryRun && taken.pools.length === 0;
    const { reservation } = taken;
    const one = await grantOne(context, item, { ...request, reservation, mayBeReady }, budget);
    if (!one) continue;
    taken.granted.set(item.position, one.nics);
    if (one.short !== undefined) taken.short.set(item.position, one.short);
    if (one.pool !== undefined) taken.pools.push(one.pool);
    if (one.ready !== undefined) taken.reservation = one.ready;
  }
}

interface OneRequest extends ReserveRequest {
  reservation: string;
  /** Whether it may have a reservation that was made under an id of its own. */
  mayBeReady: boolean;
}

async function grantOne(
  { view, profiles, store, releases, ready }: ReviewContext,
  { selected, request, deviceClass }: WantedAttachment,
  { node, isBound, claimant, reservation, mayBeReady, dryRun }: OneRequest,
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
      if (node !== undefined) return grantOnNode(view, store, { ...wanted, node }, options);
      const anywhere = claimAnywhere(view, profiles, wanted);
      if (!anywhere) return undefined;
      const { network, claim } = anywhere;
      const made = mayBeReady ? ready.take(network, claim) : undefined;
      return made ?? grantInPages(store, network, claim, options);
    };
    return await releases.grant(wanted.network, budget, () => whenReady(lagPatienceMs(budget), grant));
  } catch (error) {
    if (!isBound && (isNotReady(error) || (node !== undefined && isTakenByOthers(view, { ...wanted, node }, error))))
      return undefined;
    throw error;
  }
}

function giveBack({ reservations }: ReviewContext, { pools, reservation }: Taken): void {
  for (const pool of new Set(pools)) reservations.giveBack(pool, reservation);
}
