import type { AllocatedNic, DeviceClass } from '../../core/api/types.ts';
import { isMultiNicError, MultiNicError } from '../../core/errors.ts';
import type { Block } from '../../core/layout/hostBlocks.ts';
import { formatCidr } from '../../core/net/cidr.ts';
import type { Network } from '../../core/network/network.ts';
import type { Claim, NicClaim } from '../../core/pool/allocate.ts';
import { claimsAnywhere, claimsOnNode } from '../../core/pool/claim.ts';
import type { PoolContent } from '../../core/pool/content.ts';
import { type Claimant, isHeldBy } from '../../core/pool/holder.ts';
import { pagePoolName } from '../../core/pool/name.ts';
import { excludedPages, pageAround, pageCapacity, pageCount } from '../../core/pool/pages.ts';
import { keepsRecords } from '../../core/selection/loads.ts';
import type { NicRequest } from '../../core/selection/request.ts';
import type { DevicePlacement } from '../../core/selection/types.ts';
import type { NetworkPages } from '../pools/pageDirectory.ts';
import { PoolFullError } from '../pools/poolFull.ts';
import type { PoolRef } from '../pools/poolRef.ts';
import type { PoolCallOptions, PoolStore } from '../pools/poolStore.ts';
import type { ClusterView } from '../view/clusterView.ts';
import { grantInNodePool } from './nodeGrant.ts';
import { sharersOf } from './sharedNics.ts';

/** One attachment that wants NICs and addresses. */
export interface GrantRequest {
  network: string;
  claimant: Claimant;
  request: NicRequest;
  /** Addresses that the pod asks for, one per NIC in interface order. */
  ips?: readonly string[] | undefined;
  /** What the class of the request names, where the network's strategy considers it. */
  deviceClass?: DeviceClass | undefined;
  /** Where the pod's devices are, where the network's strategy considers it. */
  placement?: DevicePlacement | undefined;
  /** Addresses that the attachment may hold already: where to look first. */
  held?: readonly string[];
}

/** What was granted, and the pool that holds it; no pool where nothing needs to be kept. */
export interface Granted {
  nics: AllocatedNic[];
  pool: string | undefined;
  /** What a best-effort pod asked for and did not get. */
  short?: string | undefined;
  /** Whether the pool had nothing of the attachment before: who cannot use it gives it back. */
  isNew?: boolean;
}

/**
 * Chooses NICs on the node and takes their addresses and bandwidth.
 * @throws MultiNicError MNN_NETWORK_UNKNOWN, MNN_OVERLAP, MNN_NOT_IMPORTED, MNN_NODE_NOT_READY, MNN_NODE_LACKS, MNN_NETWORK_NOT_READY, and those of PoolStore.allocate
 */
export async function grantOnNode(
  view: ClusterView,
  store: PoolStore,
  { claimant, request, ips, deviceClass, placement, held, ...wanted }: GrantRequest & { node: string },
  options: PoolCallOptions,
): Promise<Granted> {
  const known = view.mustHave(wanted.network);
  view.mustBeAlone(known);
  const { network } = known.state;
  const node = view.nodeState(known, wanted.node);
  const choice = { request, ips, deviceClass, placement };
  if (keepsRecords(network) && !network.nodeIndependent) {
    const sharers = node.host ? sharersOf(view, network, node.host) : [];
    const { allocation, pool, short, isNew } = await grantInNodePool(
      store,
      { known, node, claimant, choice, sharers },
      options,
    );
    return { nics: allocation.nics, pool, isNew, short };
  }
  const { nics, short } = claimsOnNode(known.state, node, choice);
  const granted = network.ownAddresses
    ? await grantInPages(store, network, { claimant, nics, ips, held }, options)
    : { nics: nics.map(withoutAddresses), pool: undefined };
  return { ...granted, short };
}

/** The same before the node is known. Undefined where the choice has to wait for the node. */
export async function grantAnywhere(
  view: ClusterView,
  store: PoolStore,
  wanted: GrantRequest,
  options: PoolCallOptions,
): Promise<Granted | undefined> {
  const known = view.mustHave(wanted.network);
  view.mustBeAlone(known);
  const nics = claimsAnywhere(known.state, wanted.request, wanted.ips);
  return nics && grantInPages(store, known.state.network, { ...wanted, nics }, options);
}

interface PageClaim extends Claim {
  ips?: readonly string[] | undefined;
  held?: readonly string[] | undefined;
}

/** Errors that rule out one page, while others may still have room. */
const ofOnePage: ReadonlySet<string> = new Set(['MNN_POOL_FULL', 'MNN_POOL_UNREADABLE']);

/** Tries pages, the most promising first, until one has room. */
async function grantInPages(
  store: PoolStore,
  network: Network,
  { claimant, nics, ips = [], held = [] }: PageClaim,
  options: PoolCallOptions,
): Promise<Granted> {
  const deadline = performance.now() + options.timeoutMs;
  const ranges = nics.flatMap(({ blocks }) => blocks);
  const tryPage = async (page: number): Promise<Granted | MultiNicError> => {
    const timeoutMs = deadline - performance.now();
    if (timeoutMs <= 0) throw new MultiNicError('MNN_DEADLINE', `network ${network.name}: no page had room in time`);
    const pool = pagePool(network, page, nics);
    let isNew = false;
    const claim = ({ allocations }: PoolContent): Claim & { page: number } => {
      isNew = !allocations.some(record => isHeldBy(record, claimant));
      return { claimant, nics, page };
    };
    try {
      const allocation = await store.allocate(pool, claim, { ...options, timeoutMs });
      return { nics: allocation.nics, pool: pool.name, isNew };
    } catch (error) {
      if (isMultiNicError(error) && ofOnePage.has(error.code)) return error;
      throw error;
    }
  };
  const asked = askedPage(network, ranges, ips);
  const known = asked ?? pageAround(ranges, held);
  const result = known === undefined ? undefined : await tryPage(known);
  // What the pod has, or asked for, is in this page and nowhere else.
  if (isMultiNicError(result) && (asked !== undefined || !(result instanceof PoolFullError))) throw result;
  if (result && !isMultiNicError(result)) return result;
  const pages: NetworkPages = {
    count: pageCount(ranges),
    excluded: () => excludedPages(ranges),
    isPartial: network.ipam.interfaceBlock > 0 || network.subnets.length === 0,
  };
  let unreadable: MultiNicError | undefined;
  for await (const page of store.pages.candidates(network.name, pages, options.timeoutMs)) {
    const tried = await tryPage(page);
    if (!isMultiNicError(tried)) return tried;
    if (!(tried instanceof PoolFullError)) unreadable = tried;
  }
  const blocks = [...new Set(blockTexts(nics))].join(', ');
  const detail = `network ${network.name}: no address is left in ${blocks}; all its pages are full`;
  throw unreadable ?? new PoolFullError(network.name, detail);
}

/** @throws MultiNicError MNN_ADDRESS_OUTSIDE where the address lies beyond what numbers can count */
function askedPage({ name }: Network, ranges: readonly Block[], ips: readonly string[]): number | undefined {
  const page = pageAround(ranges, ips);
  if (page === undefined || page <= Number.MAX_SAFE_INTEGER) return page;
  const where = 'behind the first 2^61 addresses of its block, which alone are given out';
  throw new MultiNicError('MNN_ADDRESS_OUTSIDE', `network ${name}: ${ips.join(', ')} is ${where}`);
}

function pagePool(network: Network, page: number, nics: NicClaim[]): PoolRef {
  return {
    name: pagePoolName(network.name, page),
    spec: { network: network.name, page, blocks: blockTexts(nics) },
    networkUid: network.uid,
    networkGeneration: network.generation,
    capacity: pageCapacity(
      nics.flatMap(({ blocks }) => blocks),
      page,
    ),
  };
}

function blockTexts(nics: NicClaim[]): string[] {
  return nics.flatMap(({ blocks }) => blocks.map(({ pod }) => formatCidr(pod)));
}

function withoutAddresses({ master, netAddress }: NicClaim): AllocatedNic {
  return { ...(master === undefined ? {} : { master }), netAddress, addresses: [] };
}
