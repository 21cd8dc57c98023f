import type { IPPool } from '../api/types.ts';
import { parseRecord, stateOf } from '../pool/record.ts';
import type { AuditedPool } from './types.ts';

/** A pool as the audit looks at it: what is released is left out, what is no record is kept apart. */
export function auditedPool({ metadata, spec, status }: IPPool): AuditedPool {
  const pool = { name: metadata.name, spec, allocations: [], unreadable: [] };
  return withLines(pool, status?.allocations ?? []);
}

/** The pool with these lines alone. */
export function withLines(pool: AuditedPool, lines: readonly string[]): AuditedPool {
  const read = lines.filter(line => stateOf(line) !== 'Released').map(line => ({ line, record: parseRecord(line) }));
  return {
    ...pool,
    allocations: read.flatMap(({ record }) => record ?? []),
    unreadable: read.flatMap(({ line, record }) => (record ? [] : [line])),
  };
}
