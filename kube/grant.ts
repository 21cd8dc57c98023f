import { createHash } from 'node:crypto';
import type { AllocatedNic } from '../core/api/types.ts';
import { MultiNicError } from '../core/errors.ts';
import { usableCount } from '../core/layout/layout.ts';
import { sizeOf, formatCidr } from '../core/net/cidr.ts';
import { tryParseAddress } from '../core/net/address.ts';
import type { Network } from '../core/network/network.ts';
import type { Claim, Claimant, NicClaim } from '../core/pool/allocate.ts';
import { claimsAnywhere, claimsOnNode } from '../core/pool/claim.ts';
import { nodePoolName, pagePoolName, pageSize } from '../core/pool/name.ts';
import type { NicRequest } from '../core/selection/request.ts';
import type { ClusterView } from './clusterView.ts';
import type { PoolCallOptions, PoolRef, PoolStore } from './poolStore.ts';

/** One attachment that wants NICs and addresses. */
export interface GrantRequest {
  network: string;
  claimant: Claimant;
  request: NicRequest;
  /** Addresses that the pod asks for, one a NIC in interface order. */
  ips?: readonly string[];
}

/** What was granted, and the pool that holds it; no pool where another IPAM plugin gives the addresses. */
export interface Granted {
  nics: AllocatedNic[];
  pool: string | undefined;
}

/** A page is tried first among so many, so that writers of one network seldom meet. */
const firstPages = 4;

/**
 * Chooses NICs on the node and takes their addresses.
 * @throws MultiNicError MNN_NETWORK_UNKNOWN, MNN_NODE_NOT_READY, MNN_NODE_LACKS, MNN_NETWORK_NOT_READY, and those of PoolStore.allocate
 */
export async function grantOnNode(
  view: ClusterView,
  store: PoolStore,
  wanted: GrantRequest & { node: string },
  options: PoolCallOptions,
): Promise<Granted> {
  const known = view.mustHave(wanted.network);
  const { network } = known.state;
  const nics = claimsOnNode(known.state, view.nodeState(known, wanted.node), wanted.request, wanted.ips);
  if (!network.ownAddresses) return { nics: nics.map(withoutAddresses), pool: undefined };
  if (network.nodeIndependent) return grantInPages(store, network, { claimant: wanted.claimant, nics }, options);
  const pool = nodePool(network, wanted.node, nics);
  const allocation = await store.allocate(pool, { claimant: wanted.claimant, nics }, options);
  return { nics: allocation.nics, pool: pool.name };
}

/** The same before the node is known. Undefined where the choice has to wait for it. */
export async function grantAnywhere(
  view: ClusterView,
  store: PoolStore,
  wanted: GrantRequest,
  options: PoolCallOptions,
): Promise<Granted | undefined> {
  const known = view.mustHave(wanted.network);
  const nics = claimsAnywhere(known.state, wanted.request, wanted.ips);
  return nics && grantInPages(store, known.state.network, { claimant: wanted.claimant, nics }, options);
}

/** Tries the claimant's own page first, then all in order, until one has room. */
async function grantInPages(
  store: PoolStore,
  network: Network,
  claim: Claim,
  options: PoolCallOptions,
): Promise<Granted> {
  const deadline = performance.now() + options.timeoutMs;
  let full: MultiNicError | undefined;
  for (const page of pagesFor(claim)) {
    const timeoutMs = deadline - performance.now();
    if (timeoutMs <= 0) break;
    const pool = pagePool(network, page, claim.nics);
    try {
      const { nics } = await store.allocate(pool, { ...claim, page }, { ...options, timeoutMs });
      return { nics, pool: pool.name };
    } catch (error) {
      if (!(error instanceof MultiNicError) || error.code !== 'MNN_POOL_FULL') throw error;
      full = error;
    }
  }
  throw full ?? new MultiNicError('MNN_DEADLINE', `network ${network.name}: no page of its pool answered in time`);
}

function* pagesFor({ claimant, nics }: Claim): Generator<number> {
  const blocks = nics.flatMap(nic => nic.blocks);
  const smallest = blocks.reduce((least, { pod }) => (sizeOf(pod) < least ? sizeOf(pod) : least), 1n << 128n);
  const count = smallest <= BigInt(pageSize) ? 1 : Number(smallest / BigInt(pageSize));
  const asked = pageOfWanted(nics);
  if (asked !== undefined) {
    yield asked;
    return;
  }
  const identity = claimant.podUID || (claimant.reservation ?? '');
  const digest = createHash('sha256').update(`${identity} ${claimant.interface}`).digest();
  const own = digest.readUInt32BE(0) % Math.min(firstPages, count);
  yield own;
  for (let page = 0; page < count; page++) if (page !== own) yield page;
}

/** The page of the first address that is asked for by name. */
function pageOfWanted(nics: readonly NicClaim[]): number | undefined {
  for (const { wanted, blocks } of nics) {
    for (const text of wanted ?? []) {
      const address = tryParseAddress(text.split('/')[0] ?? text);
      const block = blocks.find(({ pod }) => pod.family === address?.family);
      if (address && block && address.value >= block.pod.base) {
        return Number((address.value - block.pod.base) / BigInt(pageSize));
      }
    }
  }
  return undefined;
}

function nodePool(network: Network, node: string, nics: NicClaim[]): PoolRef {
  return {
    name: nodePoolName(network.name, node),
    spec: { network: network.name, hostName: node, blocks: blockTexts(nics) },
    networkUid: network.uid,
    capacity: capacityOf(nics, undefined),
  };
}

function pagePool(network: Network, page: number, nics: NicClaim[]): PoolRef {
  return {
    name: pagePoolName(network.name, page),
    spec: { network: network.name, page, blocks: blockTexts(nics) },
    networkUid: network.uid,
    capacity: capacityOf(nics, pageSize),
  };
}

function capacityOf(nics: NicClaim[], limit: number | undefined): number {
  const counts = nics.flatMap(({ blocks }) => blocks.map(({ pod, excludes }) => usableCount(pod, excludes)));
  const least = counts.reduce((a, b) => (a < b ? a : b), BigInt(limit ?? 1_000_000));
  return Number(least);
}

function blockTexts(nics: NicClaim[]): string[] {
  return nics.flatMap(({ blocks }) => blocks.map(({ pod }) => formatCidr(pod)));
}

function withoutAddresses({ master, netAddress }: NicClaim): AllocatedNic {
  return { ...(master === undefined ? {} : { master }), netAddress, addresses: [] };
}
