import type { Allocation } from '../../core/api/types.ts';
import { emptyPool, readPool } from '../../core/pool/content.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { ipPools } from '../../kube/api/resources.ts';
import { checkOwner, newPool, type PoolRef } from '../../kube/pools/poolRef.ts';
import { writeContent } from '../../kube/pools/writeContent.ts';
import { eachOf } from '../../kube/process/eachOf.ts';

/** Nodes handled at the same time. */
const atOnce = 8;

/**
 * Makes the pools of nodes whose pods have addresses of a network that was created again, with the records of these, as long as nobody can take from
 * them: agents put them back, too, but webhooks may have learned of the network before.
 * @throws MultiNicError MNN_NETWORK_NOT_READY as long as a pool of the earlier network is there, MNN_POOL_UNREADABLE, MNN_SCHEMA_REPLACED; ApiError, TransportError
 */
export async function putBackRecords(
  client: KubeClient,
  pools: readonly (readonly [PoolRef, readonly Allocation[]])[],
  signal: AbortSignal,
): Promise<void> {
  await eachOf(pools, atOnce, async ([ref, allocations]) => {
    const found = await client.find(ipPools, ref, { signal });
    checkOwner(ref, found);
    if (readPool(found).allocations.length > 0) return;
    const pool = found ?? (await client.create(ipPools, newPool(ref), { signal }));
    const { capacity } = ref;
    const content = { ...emptyPool, allocations, ...(capacity !== undefined && { capacity }) };
    await writeContent(client, pool, content, { signal });
  });
}
