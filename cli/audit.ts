import { MultiNicError } from '../core/errors.ts';
import { KubeClient } from '../kube/api/client.ts';
import { multiNicNetworks } from '../kube/api/resources.ts';
import { auditCluster } from '../kube/audit/clusterAudit.ts';
import type { AuditFlags } from './flags.ts';
import { jsonReport, tableReport } from './report.ts';

/**
 * Audits the cluster.
 * @returns the report, and whether there is nothing to report
 * @throws where the cluster cannot be audited: no connection, no permission, a pool that cannot be read, no such network
 */
export async function runAudit(flags: AuditFlags): Promise<{ report: string; isClean: boolean }> {
  const { network, connection, settleMs, output } = flags;
  await using client = await KubeClient.connect({ userAgent: 'kubectl-multinic', ...connection });
  if (
    network !== undefined &&
    !(await client.list(multiNicNetworks)).items.some(({ metadata }) => metadata.name === network)
  ) {
    throw new MultiNicError('MNN_NETWORK_UNKNOWN', `there is no network "${network}"`);
  }
  const result = await auditCluster(client, { settleMs, network });
  const report = output === 'json' ? jsonReport(result) : tableReport(result);
  return { report, isClean: result.findings.length === 0 && result.more === 0 };
}
