import { countKinds } from '../core/audit/audit.ts';
import { findingKinds } from '../core/audit/types.ts';
import type { AuditResult } from '../kube/audit/clusterAudit.ts';
import { printable } from './printable.ts';

/** The findings and their counts as JSON. */
export function jsonReport({ findings, more }: AuditResult): string {
  return `${JSON.stringify({ findings, counts: countKinds(findings), more }, undefined, 2)}\n`;
}

/** A table of the findings where there are any, and a line of counts. */
export function tableReport({ findings, more }: AuditResult): string {
  const rows = findings.map(({ kind, network, objects, message }) =>
    [kind, network, objects.join(', '), message].map(printable),
  );
  const lines = rows.length > 0 ? columns([['KIND', 'NETWORK', 'OBJECTS', 'MESSAGE'], ...rows]) : [];
  const counts = countKinds(findings);
  const summary = findingKinds.map(kind => `${kind} ${counts[kind]}`).join(', ');
  // None of the findings of the first look may have been left at the second.
  const next = rows.length > 0 ? 'fix these, then audit again' : 'audit again';
  const rest = more > 0 ? [`${more} more are not listed: ${next}`] : [];
  return [...lines, `${findings.length} findings: ${summary}`, ...rest, ''].join('\n');
}

function columns(rows: readonly string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map(row => row[i]?.length ?? 0)));
  return rows.map(row =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
