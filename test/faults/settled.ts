import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../../kube/api/client.ts';
import { auditCluster } from '../../kube/audit/clusterAudit.ts';
import { auditTimes } from './times.ts';

/** Waits until the audit finds nothing, not even what is under way. @throws with the findings where that does not come */
export async function settled(client: KubeClient): Promise<void> {
  const until = performance.now() + 240_000;
  for (;;) {
    const { findings, more } = await auditCluster(client, auditTimes);
    if (findings.length + more === 0) return;
    if (performance.now() > until) {
      const texts = findings
        .slice(0, 10)
        .map(({ kind, objects, message }) => `${kind} ${objects.join(', ')}: ${message}`);
      throw new Error(`The audit finds ${findings.length} disagreements:\n${texts.join('\n')}`);
    }
    await sleep(500);
  }
}
