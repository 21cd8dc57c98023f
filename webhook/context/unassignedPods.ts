import { type Pod, pods } from '../../kube/api/resources.ts';
import { headOf } from '../../kube/watch/head.ts';
import type { CallBudget } from '../review/call.ts';
import { isInjected } from '../review/pod.ts';
import type { ReviewContext } from './reviewContext.ts';

/** Most characters of labels and annotations that are kept of a pod; most pods have a tenth of it. */
const mostKept = 32_768;

/**
 * What is kept of a pod that has no node yet: its annotations, labels and UID, as nothing else matters when it is bound. If these are very long,
 * only its existence is kept, and it is read when it is bound: some thousand such pods would fill every replica's memory. So it is with the few that
 * use the host network.
 */
export function trimUnassigned(pod: Pod): Pod {
  const { labels, annotations } = pod.metadata;
  const isLarge = JSON.stringify([labels, annotations]).length > mostKept;
  return isLarge || pod.spec?.hostNetwork ? headOf(pod) : headOf(pod, 'labels', 'annotations');
}

/** The pod that is being bound, from memory if it is there and is the one meant. Undefined if it does not exist. */
export async function unassignedPod(
  { client, unassignedPods }: Pick<ReviewContext, 'client' | 'unassignedPods'>,
  ref: { namespace: string; name: string; uid: string | undefined },
  budget: CallBudget,
): Promise<Pod | undefined> {
  const known = unassignedPods.get(ref);
  if (known && isInjected(known.metadata.labels) && (ref.uid === undefined || known.metadata.uid === ref.uid)) {
    return known;
  }
  return client.find(pods, ref, { timeoutMs: budget.remainingMs() });
}
