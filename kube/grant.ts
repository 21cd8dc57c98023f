import type { AllocatedNic } from '../core/api/types.ts';
import { MultiNicError } from '../core/errors.ts';
import { usableCount } from '../core/layout/layout.ts';
import { formatCidr } from '../core/net/cidr.ts';
import type { Network } from '../core/network/network.ts';
import type { Claim, Claimant, NicClaim } from '../core/pool/allocate.ts';
import { claimsAnywhere, claimsOnNode } from '../core/pool/claim.ts';
import { nodePoolName, pagePoolName } from '../core/pool/name.ts';
import { pageAround, pageCapacity, pageCount } from '../core/pool/pages.ts';
import type { NicRequest } from '../core/selection/request.ts';
import type { ClusterView } from './clusterView.ts';
import { PoolFullError } from './poolFull.ts';
import type { PoolCallOptions, PoolRef, PoolStore } from './poolStore.ts';

/** One attachment that wants NICs and addresses. */
export interface GrantRequest {
  network: string;
  claimant: Claimant;
  request: NicRequest;
  /** Addresses that the pod asks for, one a NIC in interface order. */
  ips?: readonly string[];
  /** Addresses that the attachment may hold already: where to look first. */
  held?: readonly string[];
}

/** What was granted, and the pool that holds it; no pool where another IPAM plugin gives the addresses. */
export interface Granted {
  nics: AllocatedNic[];
  pool: string | undefined;
}

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
  if (network.nodeIndependent) return grantInPages(store, network, { ...wanted, nics }, options);
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
  return nics && grantInPages(store, known.state.network, { ...wanted, nics }, options);
}

interface PageClaim extends Claim {
  ips?: readonly string[];
  held?: readonly string[];
}

/** Tries pages, the most promising first, until one has room. */
async function grantInPages(
  store: PoolStore,
  network: Network,
  { claimant, nics, ips = [], held = [] }: PageClaim,
  options: PoolCallOptions,
): Promise<Granted> {
  const deadline = performance.now() + options.timeoutMs;
  const ranges = nics.flatMap(({ blocks }) => blocks);
  const tryPage = async (page: number): Promise<Granted | PoolFullError> => {
    const timeoutMs = deadline - performance.now();
    if (timeoutMs <= 0) throw new MultiNicError('MNN_DEADLINE', `network ${network.name}: no page had room in time`);
    const pool = pagePool(network, page, nics);
    try {
      const allocation = await store.allocate(pool, { claimant, nics, page }, { ...options, timeoutMs });
      return { nics: allocation.nics, pool: pool.name };
    } catch (error) {
      if (error instanceof PoolFullError) return error;
      throw error;
    }
  };
  const asked = pageAround(ranges, ips);
  const known = asked ?? pageAround(ranges, held);
  let result = known === undefined ? undefined : await tryPage(known);
  if (result instanceof PoolFullError && asked !== undefined) throw result;
  if (result && !(result instanceof PoolFullError)) return result;
  for await (const page of store.pages.candidates(network.name, pageCount(ranges), options.timeoutMs)) {
    result = await tryPage(page);
    if (!(result instanceof PoolFullError)) return result;
  }
  const blocks = [...new Set(blockTexts(nics))].join(', ');
  throw new PoolFullError(
    network.name,
    `network ${network.name}: no address is left in ${blocks}; all its pages are full`,
  );
}

function nodePool(network: Network, node: string, nics: NicClaim[]): PoolRef {
  return {
    name: nodePoolName(network.name, node),
    spec: { network: network.name, hostName: node, blocks: blockTexts(nics) },
    networkUid: network.uid,
    capacity: capacityOf(nics),
  };
}

function pagePool(network: Network, page: number, nics: NicClaim[]): PoolRef {
  return {
    name: pagePoolName(network.name, page),
    spec: { network: network.name, page, blocks: blockTexts(nics) },
    networkUid: network.uid,
    capacity: pageCapacity(
      nics.flatMap(({ blocks }) => blocks),
      page,
    ),
  };
}

function capacityOf(nics: NicClaim[]): number {
  const counts = nics.flatMap(({ blocks }) => blocks.map(({ pod, excludes }) => usableCount(pod, excludes)));
  const least = counts.reduce((a, b) => (a < b ? a : b), 1_000_000n);
  return Number(least);
}

function blockTexts(nics: NicClaim[]): string[] {
  return nics.flatMap(({ blocks }) => blocks.map(({ pod }) => formatCidr(pod)));
}

function withoutAddresses({ master, netAddress }: NicClaim): AllocatedNic {
  return { ...(master === undefined ? {} : { master }), netAddress, addresses: [] };
}
