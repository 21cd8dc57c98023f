import { podName } from '../core/audit/view.ts';
import type { MultiNicError } from '../core/errors.ts';
import type { ImportPlan } from '../core/predecessor/plan.ts';
import type { NetworkImport } from './importWrite.ts';
import { printable } from './printable.ts';

/** What is kept of each network, what cannot be kept, and what became of it. */
export function importReport(
  imports: readonly NetworkImport[],
  refusals: readonly MultiNicError[],
  outcome: string,
): string {
  const lines = imports.flatMap(({ object, plan }) => networkLines(object.metadata.name, plan));
  const records = imports.reduce((sum, { plan }) => sum + plan.records.length, 0);
  const summary = `${imports.length} networks, ${records} attachments, ${refusals.length} refusals: ${outcome}`;
  const all = [...lines, ...refusals.map(({ message }) => `refused ${message}`), summary];
  return `${all.map(printable).join('\n')}\n`;
}

function networkLines(name: string, { interfaces, hostIndexes, records, dropped }: ImportPlan): string[] {
  return [
    ...interfaces.map(({ index, netAddress }) => `network ${name}: interface ${index} is ${netAddress}`),
    ...[...hostIndexes].map(([host, index]) => `network ${name}: host ${index} is ${host}`),
    ...records.map(({ pool, claim: { claimant, nics } }) => {
      const addresses = nics.flatMap(({ wanted = [] }) => wanted).join(', ');
      return `network ${name}: ${podName(claimant)} keeps ${addresses} on ${claimant.interface} (ippool ${pool.name})`;
    }),
    ...dropped.map(record => `network ${name}: ${record} is free, its pod is gone or has another`),
  ];
}
