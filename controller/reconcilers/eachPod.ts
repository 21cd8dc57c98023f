import { auditedPod } from '../../core/audit/readPod.ts';
import type { AuditedPod } from '../../core/audit/types.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { pods } from '../../kube/api/resources.ts';
import type { KubeObject } from '../../kube/api/types.ts';
import { headOf } from '../../kube/watch/head.ts';

/** Pages of this many objects are parsed without blocking the process noticeably. */
export const atOnce = 100;

/** Shows every pod of the cluster that has not ended, as the API server has it now. @throws ApiError, TransportError */
export async function eachPod(
  client: KubeClient,
  visit: (pod: AuditedPod) => void,
  signal: AbortSignal,
): Promise<void> {
  await client.list(pods, {
    signal,
    limit: atOnce,
    transform: visiting(object => {
      const pod = auditedPod(object);
      if (pod.endedAt === undefined) visit(pod);
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
