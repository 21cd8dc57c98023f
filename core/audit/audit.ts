import { findDuplicates } from './duplicates.ts';
import { findForeign } from './foreign.ts';
import { findLeaks } from './leaks.ts';
import { findMissing } from './missing.ts';
import type { AuditFinding, AuditInput, AuditRules, FindingKind } from './types.ts';
import { findUnreadable } from './unreadable.ts';
import { viewOf } from './view.ts';

/**
 * Compares pods, pools, networks and nodes, and reports every disagreement that is older than the grace. Objects that were read one after
 * the other may disagree if something changed in between: only what two readings find counts (see {@link confirmed}).
 *
 * A part of a cluster can be audited by itself if it has all records of its pods and all pods of its records.
 */
export function audit(input: AuditInput, rules: AuditRules): AuditFinding[] {
  const view = viewOf(input);
  return [
    ...findDuplicates(view),
    ...findLeaks(view, rules),
    ...findMissing(view),
    ...findForeign(view),
    ...findUnreadable(view),
  ];
}

/** What is wrong with pools whatever pods there are: addresses twice, outside of their blocks, lines that are not records. */
export function auditPools(input: Omit<AuditInput, 'pods'>): AuditFinding[] {
  const view = viewOf({ ...input, pods: [] });
  return [...findDuplicates(view), ...findForeign(view), ...findUnreadable(view)];
}

/** Those findings of the second reading of which the first one found every pod (or pool, if no pod is named) wrong in the same way. */
export function confirmed(first: readonly AuditFinding[], second: readonly AuditFinding[]): AuditFinding[] {
  const known = new Set(first.flatMap(subjectsOf));
  return second.filter(finding => subjectsOf(finding).every(subject => known.has(subject)));
}

/** How many findings there are of each kind, none included. */
export function countKinds(findings: readonly AuditFinding[]): Record<FindingKind, number> {
  const counts = { duplicate: 0, leak: 0, missing: 0, foreign: 0, unreadable: 0 } satisfies Record<FindingKind, number>;
  for (const { kind } of findings) counts[kind]++;
  return counts;
}

function subjectsOf({ kind, objects }: AuditFinding): string[] {
  const pods = objects.filter(object => object.startsWith('pod '));
  return (pods.length > 0 ? pods : objects).map(object => `${kind} ${object}`);
}
