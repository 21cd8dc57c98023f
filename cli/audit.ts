import { auditCluster } from '../kube/audit/clusterAudit.ts';
import { KubeClient } from '../kube/api/client.ts';
import { multiNicNetworks } from '../kube/api/resources.ts';
import type { AuditFlags } from './flags.ts';
import { jsonReport, tableReport } from './report.ts';

/**
 * Audits the cluster.
 * @returns the report, and whether there is nothing to report
 * @throws where the cluster cannot be audited: no connection, no permission, a pool that cannot be read, no such network
 */
export async function runAudit(flags: AuditFlags): Promise<{ report: string; isClean: boolean }> {
  const { network, kubeconfig, settleMs, output } = flags;
  await using client = await KubeClient.connect({
    userAgent: 'kubectl-multinic',
    ...(kubeconfig !== undefined && { kubeconfig }),
  });
  if (network !== undefined) await client.get(multiNicNetworks, { name: network });
  const all = await auditCluster(client, { settleMs });
  const findings = all.filter(finding => network === undefined || finding.network.split(',').includes(network));
  const report = output === 'json' ? jsonReport(findings) : tableReport(findings);
  return { report, isClean: findings.length === 0 };
}
