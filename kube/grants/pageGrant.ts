import { isMultiNicError, MultiNicError } from '../../core/errors.ts';
import type { Block } from '../../core/layout/hostBlocks.ts';
import { formatCidr } from '../../core/net/cidr.ts';
import type { Network } from '../../core/network/network.ts';
import type { Claim, NicClaim } from '../../core/pool/allocate.ts';
import type { PoolContent } from '../../core/pool/content.ts';
import { isHeldBy } from '../../core/pool/holder.ts';
import { pagePoolName } from '../../core/pool/name.ts';
import { excludedPages, pageAround, pageCapacity, pageCount } from '../../core/pool/pages.ts';
import type { NetworkPages } from '../pools/pageDirectory.ts';
import { PoolFullError } from '../pools/poolFull.ts';
import type { PoolRef } from '../pools/poolRef.ts';
import type { PoolCallOptions, PoolStore } from '../pools/poolStore.ts';
import type { Granted } from './granted.ts';

/** What an attachment takes of a node-independent network. */
export interface PageClaim extends Claim {
  ips?: readonly string[] | undefined;
  held?: readonly string[] | undefined;
}

/** Errors that rule out one page, while others may still have room. */
const ofOnePage: ReadonlySet<string> = new Set(['MNN_POOL_FULL', 'MNN_POOL_UNREADABLE']);

/**
 * Tries pages, the most promising first, until one has room.
 * @throws MultiNicError those of PoolStore.allocate
 */
export async function grantInPages(
  store: Pick<PoolStore, 'allocate' | 'pages'>,
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
  let unreadable: MultiNicError | undefined;
  for await (const page of store.pages.candidates(network.name, pagesOf(network, nics), options.timeoutMs)) {
    const tried = await tryPage(page);
    if (!isMultiNicError(tried)) return tried;
    if (!(tried instanceof PoolFullError)) unreadable = tried;
  }
  const blocks = [...new Set(blockTexts(nics))].join(', ');
  const detail = `network ${network.name}: no address is left in ${blocks}; all its pages are full`;
  throw unreadable ?? new PoolFullError(network.name, detail);
}

/** The pages that the NICs' addresses may come from. */
export function pagesOf({ ipam, subnets }: Network, nics: readonly NicClaim[]): NetworkPages {
  const ranges = nics.flatMap(({ blocks }) => blocks);
  return {
    count: pageCount(ranges),
    excluded: () => excludedPages(ranges),
    isPartial: ipam.interfaceBlock > 0 || subnets.length === 0,
    capacity: page => pageCapacity(ranges, page),
  };
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
