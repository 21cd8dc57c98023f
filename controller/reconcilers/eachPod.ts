import { auditedPod } from '../../core/audit/readPod.ts';
import type { AuditedPod } from '../../core/audit/types.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { type Pod, pods } from '../../kube/api/resources.ts';
import type { KubeObject } from '../../kube/api/types.ts';
import { headOf } from '../../kube/watch/head.ts';

/** Pages of this many objects are parsed without blocking the process noticeably. */
export const atOnce = 100;

/** Where Jobs leave theirs, a cluster has more pods that have ended than others. */
const notEnded = 'status.phase!=Succeeded,status.phase!=Failed';

/**
 * Shows every pod of the cluster that has not ended, as the API server has it now; maybe twice.
 * @throws ApiError, TransportError
 */
export async function eachPod(
  client: KubeClient,
  visit: (pod: AuditedPod, object: Pod) => void,
  signal: AbortSignal,
): Promise<void> {
  await client.list(pods, {
    signal,
    limit: atOnce,
    fieldSelector: notEnded,
    transform: visiting(object => {
      const pod = auditedPod(object);
      if (pod.endedAt === undefined) visit(pod, object);
    }),
  });
}

/** Looks at each object of a list, of which nothing is kept. */
export function visiting<T extends KubeObject>(visit: (object: T) => void): (object: T) => T {
  return object => {
    visit(object);
    return headOf(object) as T;
  };
}
