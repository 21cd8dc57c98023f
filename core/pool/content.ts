import type { Allocation, AllocationState, IPPool, IPPoolStatus } from '../api/types.ts';
import { MultiNicError } from '../errors.ts';
import { formatRecord, parseRecord, stateOf } from './record.ts';

/** A pool's status, read. */
export interface PoolContent {
  allocations: readonly Allocation[];
  /** Next-fit: block → the address last taken from it. */
  cursors: ReadonlyMap<string, string>;
  /** How many attachments fit, for people to read. */
  capacity?: number;
}

export const emptyPool: PoolContent = { allocations: [], cursors: new Map() };

/** The text that a record was read from, or last written as: records never change, and most are read and written again and again. */
const texts = new WeakMap<Allocation, string>();

/**
 * Reads a pool; one that is not there, or that nobody wrote yet, is empty.
 * @param known an earlier content of it: what has not changed since is not read again
 * @throws MultiNicError MNN_POOL_UNREADABLE, MNN_SCHEMA_REPLACED
 */
export function readPool(pool: IPPool | undefined, known: PoolContent = emptyPool): PoolContent {
  if (!pool?.status) return emptyPool;
  const { allocations, cursors = [], capacity } = pool.status;
  // Our schema has a default for it. What is written now would take the place of records that the API server only hides.
  if (!allocations) throw schemaReplaced(pool);
  const records = new Map(known.allocations.map(record => [texts.get(record), record]));
  return {
    allocations: allocations.map(text => records.get(text) ?? recordOf(pool, text)),
    cursors: new Map(cursors.map(text => text.split(' ', 2) as [string, string])),
    ...(capacity === undefined ? {} : { capacity }),
  };
}

/** The API server does not keep the pool's records. */
export function schemaReplaced({ metadata }: IPPool): MultiNicError {
  return new MultiNicError('MNN_SCHEMA_REPLACED', `the API server drops the records of ippool ${metadata.name}`);
}

/** The inverse of {@link readPool}: the status as it is stored. */
export function formatPool({ allocations, cursors, capacity }: PoolContent): IPPoolStatus & { allocations: string[] } {
  return {
    allocations: allocations.map(textOf),
    cursors: [...cursors].map(([block, last]) => `${block} ${last}`),
    used: allocations.filter(({ state }) => state !== 'Released').length,
    ...(capacity === undefined ? {} : { capacity }),
  };
}

/** The records in a state; the others are not even read. @throws MultiNicError MNN_POOL_UNREADABLE */
export function recordsIn(pool: IPPool, state: AllocationState): Allocation[] {
  const texts = pool.status?.allocations ?? [];
  return texts.filter(text => stateOf(text) === state).map(text => recordOf(pool, text));
}

function textOf(record: Allocation): string {
  const text = texts.get(record) ?? formatRecord(record);
  texts.set(record, text);
  return text;
}

function recordOf({ metadata }: IPPool, text: string): Allocation {
  const record = parseRecord(text);
  if (record) {
    texts.set(record, text);
    return record;
  }
  throw new MultiNicError('MNN_POOL_UNREADABLE', `ippool ${metadata.name}: "${text}" is not a record of an allocation`);
}
