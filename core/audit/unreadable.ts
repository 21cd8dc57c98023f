import type { AuditFinding } from './types.ts';
import { type AuditView, poolName } from './view.ts';

/** Pools with lines that are not records: nothing is allocated from them, and nothing in them released. */
export function findUnreadable({ pools }: AuditView): AuditFinding[] {
  return pools
    .filter(({ unreadable }) => unreadable.length > 0)
    .map(pool => ({
      kind: 'unreadable',
      network: pool.spec.network,
      objects: [poolName(pool)],
      message: `${unreadableTexts(pool.unreadable)} is not a record; restore it, or delete it if its pod is gone`,
    }));
}

function unreadableTexts([first = '', ...more]: readonly string[]): string {
  return more.length === 0 ? `"${first}"` : `each of "${first}" and ${more.length} more lines`;
}
