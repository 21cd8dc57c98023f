import type { IPPool } from '../api/types.ts';
import { parseRecord, stateOf } from '../pool/record.ts';
import type { AuditedPool } from './types.ts';

/** A pool as the audit sees it: released records are left out, and lines that are not records are kept apart. */
export function auditedPool({ metadata, spec, status }: IPPool): AuditedPool {
  const pool = { name: metadata.name, spec, allocations: [], unreadable: [] };
  return withLines(pool, status?.allocations ?? []);
}

/** The pool with only these lines. */
export function withLines(pool: AuditedPool, lines: readonly string[]): AuditedPool {
  const read = lines.filter(line => stateOf(line) !== 'Released').map(line => ({ line, record: parseRecord(line) }));
  return {
    ...pool,
    allocations: read.flatMap(({ record }) => record ?? []),
    unreadable: read.flatMap(({ line, record }) => (record ? [] : [line])),
  };
}
