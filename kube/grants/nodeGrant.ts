import type { Allocation } from '../../core/api/types.ts';
import { MultiNicError } from '../../core/errors.ts';
import { blocksOf } from '../../core/layout/hostBlocks.ts';
import { usableCount } from '../../core/layout/layout.ts';
import { formatCidr } from '../../core/net/cidr.ts';
import type { Network } from '../../core/network/network.ts';
import type { Claim } from '../../core/pool/allocate.ts';
import { claimsOnNode, type NicChoice, type NodeState } from '../../core/pool/claim.ts';
import type { PoolContent } from '../../core/pool/content.ts';
import { isHeldBy } from '../../core/pool/holder.ts';
import { nodePoolName } from '../../core/pool/name.ts';
import { candidatesOf } from '../../core/selection/candidates.ts';
import { stillMeets } from '../../core/selection/held.ts';
import { candidatesWith, loadsOf, type NicLoads, sumLoads, takesWholeNic } from '../../core/selection/loads.ts';
import { keepsPromises, wishOf } from '../../core/selection/wish.ts';
import { leastOf } from '../../core/status/nodeCapacity.ts';
import { sleep, timeLeft } from '../api/deadline.ts';
import type { PoolRef } from '../pools/poolRef.ts';
import type { PoolCallOptions, PoolStore } from '../pools/poolStore.ts';
import type { KnownNetwork } from '../view/clusterView.ts';
import { readLoads } from './sharedNics.ts';

/** One attachment to a network that keeps its records in the node's pool. */
export interface NodeGrant {
  known: KnownNetwork;
  node: NodeState;
  claimant: Claim['claimant'];
  choice: Omit<NicChoice, 'loads' | 'held'>;
  /** Networks that take from the same NICs. */
  sharers: readonly Network[];
}

/** What was written, and the choice that led to it. */
export interface NodeGranted {
  allocation: Allocation;
  pool: string;
  short: string | undefined;
  /** Whether the pool had nothing of the attachment before. */
  isNew: boolean;
}

/** Attachments that gave way to each other choose again at random times within this, ms: not at the same moment again. */
const giveWayMs = 100;
/** How many times an attachment chooses before it is refused. */
const rounds = 5;

const nothing: NicLoads = new Map();

/**
 * Chooses NICs inside the change of the pool's content, so that the API server's resourceVersion decides between those that choose at the
 * same time. Where other networks take from the same NICs, their pools are read once the record is written: of two that met on a NIC, the
 * one that wrote later sees the other's record, and whoever sees that a NIC is short gives way: it chooses again, or gives its record up.
 * @throws MultiNicError as claimsOnNode and PoolStore.allocate
 */
export async function grantInNodePool(
  store: PoolStore,
  grant: NodeGrant,
  options: PoolCallOptions,
): Promise<NodeGranted> {
  const { network } = grant.known.state;
  const { sharers, node } = grant;
  const left = timeLeft(options.timeoutMs);
  const readOthers = (): Promise<NicLoads> => readLoads(store, sharers, node.name, left());
  // No guess is made at the best or cheapest NIC here; whether one is taken is found out below.
  let others = sharers.length > 0 && keepsPromises(network) ? await readOthers() : nothing;
  let isNew = false;
  for (let round = 1; ; round++) {
    const written = await write(store, grant, others, { ...options, timeoutMs: left() }).catch(
      async (error: unknown) => {
        if (round > 1) await giveUp(store, grant, left());
        throw error;
      },
    );
    isNew ||= written.isNew;
    if (sharers.length === 0 || options.dryRun) return { ...written, isNew };
    others = await readOthers();
    if (isSound(grant, written, others)) return { ...written, isNew };
    if (round === rounds) {
      await giveUp(store, grant, left());
      const detail = `network ${network.name}: node ${node.name} lacks NICs that no other pod is taking at this moment`;
      throw new MultiNicError('MNN_NODE_LACKS', detail);
    }
    await sleep(Math.random() * giveWayMs);
  }
}

interface Written extends NodeGranted {
  /** What the pool's other attachments had when this one was written. */
  own: NicLoads;
}

async function write(
  store: PoolStore,
  { known, node, claimant, choice }: NodeGrant,
  others: NicLoads,
  options: PoolCallOptions,
): Promise<Written> {
  const { network } = known.state;
  const counts = keepsPromises(network) || takesWholeNic(network);
  let own = nothing;
  let short: string | undefined;
  let isNew = false;
  const choose = (before: PoolContent): Claim => {
    const held = before.allocations.find(record => isHeldBy(record, claimant));
    isNew = held === undefined;
    own = counts
      ? loadsOf(
          network,
          before.allocations.filter(record => record !== held),
        )
      : nothing;
    const loads = sumLoads([own, others]);
    const chosen = claimsOnNode(known.state, node, { ...choice, loads, held: held?.nics });
    short = chosen.short;
    return { claimant, nics: chosen.nics };
  };
  const pool = nodePool(known, node);
  const allocation = await store.allocate(pool, choose, options);
  return { allocation, pool: pool.name, own, isNew, short };
}

/** Whether, now that the others' records are known, nobody else has what was written. */
function isSound({ known, node, choice }: NodeGrant, { allocation, own }: Written, others: NicLoads): boolean {
  const { network } = known.state;
  const members = node.host ? candidatesOf(network, node.host) : [];
  const candidates = candidatesWith(network, members, sumLoads([own, others]));
  return stillMeets(allocation.nics, candidates, wishOf(network, choice.request, choice.deviceClass)) !== undefined;
}

function giveUp(store: PoolStore, { known, node, claimant }: NodeGrant, timeoutMs: number): Promise<void> {
  const pool = nodePoolName(known.state.network.name, node.name);
  return store.release(pool, record => isHeldBy(record, claimant), { timeoutMs });
}

/** The pool of the network on the node. */
export function nodePool(
  { state: { network, interfaces } }: KnownNetwork,
  { name, host, hostIndex, hostAddresses }: NodeState,
): PoolRef {
  const members = network.ownAddresses && host && hostIndex !== undefined ? candidatesOf(network, host) : [];
  const blocks = members.flatMap(member => blocksOf(network, interfaces, member, hostIndex ?? 0, hostAddresses));
  const counts = blocks.map(({ pod, excludes }) => usableCount(pod, excludes));
  return {
    name: nodePoolName(network.name, name),
    spec: { network: network.name, hostName: name, blocks: blocks.map(({ pod }) => formatCidr(pod)) },
    networkUid: network.uid,
    networkGeneration: network.generation,
    capacity: counts.length > 0 ? leastOf(counts) : undefined,
  };
}
