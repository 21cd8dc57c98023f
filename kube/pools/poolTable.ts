import { label } from '../../core/api/names.ts';
import { MultiNicError } from '../../core/errors.ts';
import type { KubeClient } from '../api/client.ts';
import type { CallOptions } from '../api/clientOptions.ts';
import { ipPools } from '../api/resources.ts';

/** meta/v1 Table, the parts that are read. */
interface Table {
  columnDefinitions: { name: string }[];
  rows?: { cells: unknown[] }[];
}

/** A pool without its allocations: what its printer columns say. */
export interface PoolRow {
  name: string;
  network: string;
  /** Absent: a page of a network whose addresses do not depend on the node. */
  hostName?: string;
  page?: number;
  used?: number;
  capacity?: number;
}

/**
 * The pools' printer columns, which are a hundredth of their content, from the API server's cache: they may be some seconds old.
 * @throws ApiError, TransportError, MultiNicError MNN_SCHEMA_REPLACED
 */
export async function listPoolRows(
  client: KubeClient,
  { network, ...options }: CallOptions & { network?: string } = {},
): Promise<PoolRow[]> {
  const table = await client.request<Table>('GET', `/apis/${ipPools.group}/${ipPools.version}/${ipPools.plural}`, {
    ...options,
    query: {
      labelSelector: network === undefined ? undefined : `${label.network}=${network}`,
      resourceVersion: '0',
      includeObject: 'None',
    },
    accept: 'application/json;as=Table;v=v1;g=meta.k8s.io',
  });
  const column = (name: string): number => table.columnDefinitions.findIndex(definition => definition.name === name);
  const columns = {
    name: column('Name'),
    network: column('Network'),
    hostName: column('Node'),
    page: column('Page'),
    used: column('Used'),
    capacity: column('Capacity'),
  };
  const lacking = Object.values(columns).includes(-1);
  if (lacking)
    throw new MultiNicError('MNN_SCHEMA_REPLACED', 'the API server does not tell how much of each ippool is used');
  return (table.rows ?? []).map(({ cells }) => {
    const text = (at: number): string => (typeof cells[at] === 'string' ? cells[at] : '');
    const number = (key: 'page' | 'used' | 'capacity'): Partial<PoolRow> => {
      const value = cells[columns[key]];
      return typeof value === 'number' ? { [key]: value } : {};
    };
    const hostName = text(columns.hostName);
    return {
      name: text(columns.name),
      network: text(columns.network),
      ...(hostName !== '' && { hostName }),
      ...number('page'),
      ...number('used'),
      ...number('capacity'),
    };
  });
}
