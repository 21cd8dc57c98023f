import type { Allocation } from '../api/types.ts';
import { formatRecord } from '../pool/record.ts';
import { withLines } from './readPool.ts';
import type { AuditedPod, AuditedPool } from './types.ts';

interface Held {
  pool: AuditedPool;
  line: string;
}

/**
 * The live records of pages, whose pods may be on any node: kept, until the pods of a node ask for theirs, as lines, which take a fraction of
 * the objects' memory.
 */
export class PageRecords {
  readonly #byOwner = new Map<string, Held[]>();

  add(pool: AuditedPool): void {
    const page = { ...pool, allocations: [], unreadable: [] };
    for (const record of pool.allocations) {
      const owner = ownerOf(record);
      const held = this.#byOwner.get(owner) ?? [];
      this.#byOwner.set(owner, held);
      held.push({ pool: page, line: formatRecord(record) });
    }
  }

  /** Pools with the records of these pods alone; they are taken out. */
  take(pods: readonly AuditedPod[]): AuditedPool[] {
    const owners = pods.flatMap(({ uid, namespace, reservation }) =>
      reservation === undefined ? [uid] : [uid, `${namespace} ${reservation}`],
    );
    return poolsOf(
      owners.flatMap(owner => {
        const held = this.#byOwner.get(owner) ?? [];
        this.#byOwner.delete(owner);
        return held;
      }),
    );
  }

  /** The records that nobody took. */
  rest(): AuditedPool[] {
    return poolsOf([...this.#byOwner.values()].flat());
  }
}

function ownerOf({ podUID, namespace, reservation = '' }: Allocation): string {
  return podUID === '' ? `${namespace} ${reservation}` : podUID;
}

function poolsOf(held: readonly Held[]): AuditedPool[] {
  const lines = new Map<AuditedPool, string[]>();
  for (const { pool, line } of held) lines.set(pool, [...(lines.get(pool) ?? []), line]);
  return [...lines].map(([pool, texts]) => withLines(pool, texts));
}
