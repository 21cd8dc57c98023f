import type { IPPool } from '../../core/api/types.ts';
import { formatPool, type PoolContent, schemaReplaced } from '../../core/pool/content.ts';
import type { KubeClient } from '../api/client.ts';
import type { CallOptions } from '../api/clientOptions.ts';
import { ipPools } from '../api/resources.ts';

/**
 * Writes a pool's content, on the version that the object has.
 * @returns the pool as it is stored
 * @throws ApiError, TransportError; MultiNicError MNN_SCHEMA_REPLACED where the API server has taken the write without the records
 */
export async function writeContent(
  client: KubeClient,
  pool: IPPool,
  content: PoolContent,
  options: CallOptions,
): Promise<IPPool> {
  const status = formatPool(content);
  const stored = await client.updateStatus(ipPools, { ...pool, status }, options);
  if (stored.status?.allocations?.length !== status.allocations.length) throw schemaReplaced(pool);
  return stored;
}
