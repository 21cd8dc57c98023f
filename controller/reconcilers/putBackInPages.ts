import type { AllocatedNic, Allocation } from '../../core/api/types.ts';
import { isMultiNicError } from '../../core/errors.ts';
import { blocksOf } from '../../core/layout/hostBlocks.ts';
import { contains } from '../../core/net/cidr.ts';
import { tryAddressOf } from '../../core/net/interfaceAddress.ts';
import type { NicClaim } from '../../core/pool/allocate.ts';
import type { NetworkState } from '../../core/pool/claim.ts';
import { pageAround } from '../../core/pool/pages.ts';
import { grantInPages } from '../../kube/grants/pageGrant.ts';
import { eachOf } from '../../kube/process/eachOf.ts';
import type { LeaderContext } from '../context/leaderContext.ts';

/** Pages handled at the same time; the records of one go into one write. */
const atOnce = 8;
const timeoutMs = 10_000;

/** What stands in the way of one record, for ever or until its agent comes: others are put back all the same. */
const ofOneRecord: ReadonlySet<string> = new Set(['MNN_ADDRESS_TAKEN', 'MNN_ADDRESS_OUTSIDE', 'MNN_POOL_UNREADABLE']);

/**
 * Puts records of pods that run back into the pages of a node-independent network that was created again. Agents put them back, too, but webhooks may have
 * learned of the network before, and a node that is away has an agent that cannot.
 * @param state the network, with the interface indexes under which the pods have their addresses
 * @throws MultiNicError MNN_NETWORK_NOT_READY as long as a page of the earlier network is there, MNN_DEADLINE, ApiError, TransportError
 */
export async function putBackInPages(
  { pools, logger }: Pick<LeaderContext, 'pools' | 'logger'>,
  state: NetworkState,
  records: readonly Allocation[],
): Promise<void> {
  const { network } = state;
  const pages = Map.groupBy(
    records.flatMap(record => claimOf(state, record) ?? []),
    ({ page }) => page,
  );
  await eachOf([...pages.values()], atOnce, async claims => {
    const puttingBack = claims.map(async claim => {
      try {
        await grantInPages(pools, network, claim, { timeoutMs });
      } catch (error) {
        if (!isMultiNicError(error) || !ofOneRecord.has(error.code)) throw error;
        const { namespace, name } = claim.claimant;
        logger.warn({ network: network.name, pod: { namespace, name }, err: error }, 'a record could not be put back');
      }
    });
    await Promise.all(puttingBack);
  });
}

/** What the record's attachment has; undefined where this is not the network's any more. */
function claimOf(state: NetworkState, { nics: given, ...claimant }: Allocation) {
  const nics = given.flatMap(nic => nicClaim(state, nic) ?? []);
  const ips = given.flatMap(({ addresses }) => addresses);
  const ranges = nics.flatMap(({ blocks }) => blocks);
  const page = pageAround(ranges, ips);
  return nics.length === given.length && page !== undefined ? { claimant, nics, ips, page } : undefined;
}

function nicClaim({ network, interfaces }: NetworkState, nic: AllocatedNic): NicClaim | undefined {
  const { netAddress, addresses, promisedMbps, master } = nic;
  const inSubnet = interfaces.filter(position => position.netAddress === netAddress);
  const parsed = addresses.flatMap(text => tryAddressOf(text) ?? []);
  for (const position of network.fromHosts ? [{ netAddress, ordinal: 0 }] : inSubnet) {
    const all = blocksOf(network, interfaces, position, 0);
    const blocks = all.filter(({ pod }) => parsed.some(address => contains(pod, address)));
    if (addresses.length > 0 && blocks.length === addresses.length) {
      return {
        ...(master !== undefined && { master }),
        netAddress,
        blocks,
        wanted: [...addresses],
        ...(promisedMbps && { promisedMbps }),
      };
    }
  }
  return undefined;
}
