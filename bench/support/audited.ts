import { auditCluster } from '../../kube/audit/clusterAudit.ts';
import type { Reporter } from '../frame.ts';
import type { AdmissionSite } from './admissionSite.ts';

/** Reports what the audit finds once nothing is under way any more: nothing. */
export async function audited(
  { client }: Pick<AdmissionSite, 'client'>,
  report: Reporter,
  name: string,
): Promise<void> {
  const { findings } = await auditCluster(client, { settleMs: 2000, graceMs: 0, reservationMs: 0 });
  for (const { kind, message } of findings.slice(0, 5)) console.log(`  audit: ${kind}: ${message}`);
  report(`${name}: disagreements that the audit finds`, {
    value: findings.length,
    unit: 'findings',
    goal: { of: 'value', atMost: 0 },
  });
}
