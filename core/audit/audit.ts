import { findDuplicates } from './duplicates.ts';
import { findForeign } from './foreign.ts';
import { findLeaks } from './leaks.ts';
import { findMissing } from './missing.ts';
import { findingKinds, type AuditFinding, type AuditInput, type AuditRules, type FindingKind } from './types.ts';
import { viewOf } from './view.ts';

/**
 * Compares pods, pools, networks and nodes, and tells every disagreement that is older than the grace. Lists that were read one after the
 * other may disagree where something changed between: what two readings find counts (see {@link inBoth}).
 */
export function audit(input: AuditInput, rules: AuditRules): AuditFinding[] {
  const view = viewOf(input);
  return [...findDuplicates(view), ...findLeaks(view, rules), ...findMissing(view), ...findForeign(view)];
}

/** The findings of the second reading that the first had, too. */
export function inBoth(first: readonly AuditFinding[], second: readonly AuditFinding[]): AuditFinding[] {
  const known = new Set(first.map(textOf));
  return second.filter(finding => known.has(textOf(finding)));
}

/** How many findings there are of each kind, none included. */
export function countKinds(findings: readonly AuditFinding[]): Record<FindingKind, number> {
  const counts = { duplicate: 0, leak: 0, missing: 0, foreign: 0 } satisfies Record<FindingKind, number>;
  for (const kind of findingKinds) counts[kind] = findings.filter(finding => finding.kind === kind).length;
  return counts;
}

function textOf({ kind, objects, message }: AuditFinding): string {
  return [kind, ...objects, message].join('\n');
}
