import { audit } from '../../core/audit/audit.ts';
import { auditedPod } from '../../core/audit/readPod.ts';
import { auditedPool } from '../../core/audit/readPool.ts';
import type { AuditedPod, AuditedPool, AuditFinding, AuditRules } from '../../core/audit/types.ts';
import { reservationPool } from '../../core/pool/reservationPool.ts';
import type { KubeClient } from '../api/client.ts';
import { ipPools, pods } from '../api/resources.ts';
import { eachOf } from '../process/eachOf.ts';
import type { Suspicion } from './firstLook.ts';
import type { AuditFrame } from './frame.ts';

/**
 * Audits the suspects once more, as the API server has them now. Pods are read before pools: whatever admission wrote into a pod was in
 * the pool before. Pods that are not suspects are not read, so findings about them mean nothing.
 */
export async function secondLook(
  client: KubeClient,
  frame: AuditFrame,
  suspicions: readonly Suspicion[],
  { rules, concurrency, signal }: { rules: () => AuditRules; concurrency: number; signal: AbortSignal | undefined },
): Promise<AuditFinding[]> {
  const objects = new Set(suspicions.flatMap(({ finding }) => finding.objects));
  const seen: AuditedPod[] = [];
  await eachOf(named(objects, 'pod'), concurrency, async text => {
    const [namespace = '', name = ''] = text.split(/\/(.*)/s, 2);
    const pod = await client.find(pods, { namespace, name }, { signal });
    if (pod) seen.push(auditedPod(pod));
  });
  const names = new Set([
    ...named(objects, 'ippool'),
    ...suspicions.flatMap(({ pools }) => pools),
    ...seen.flatMap(pod => poolsOf(pod, frame)),
  ]);
  const pools: AuditedPool[] = [];
  await eachOf(names, concurrency, async name => {
    const pool = await client.find(ipPools, { name }, { signal });
    if (pool) pools.push(auditedPool(pool));
  });
  return audit({ ...frame, pods: seen, pools }, rules());
}

function named(objects: Iterable<string>, kind: string): string[] {
  return [...objects].flatMap(object => (object.startsWith(`${kind} `) ? [object.slice(kind.length + 1)] : []));
}

/** Where the pod's records should be. */
function poolsOf({ node, attachments }: AuditedPod, { networks }: AuditFrame): string[] {
  return attachments.flatMap(({ network, nics }) => {
    const known = networks.get(network);
    return (known && reservationPool(known.network, nics, node)) ?? [];
  });
}
