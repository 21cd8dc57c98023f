import { pods, type Pod } from '../../kube/api/resources.ts';
import { headOf } from '../../kube/watch/head.ts';
import type { CallBudget } from '../review/call.ts';
import { isInjected } from '../review/pod.ts';
import type { ReviewContext } from './reviewContext.ts';

/** Characters of a pod's labels and annotations up to which they are kept: most pods have a tenth. */
const mostKept = 32_768;

/**
 * What is kept of a pod that has no node yet: its annotations, labels and UID are all that is looked at when it is bound. Of one that has very much
 * of them only that it is there, and it is asked for when it is bound: some thousand of those would fill all replicas' memory.
 */
export function trimUnassigned(pod: Pod): Pod {
  const { labels, annotations } = pod.metadata;
  const isLarge = JSON.stringify([labels, annotations]).length > mostKept;
  return isLarge ? headOf(pod) : headOf(pod, 'labels', 'annotations');
}

/** The pod that is being bound; from memory where it is there and is the one meant. Undefined where it does not exist. */
export async function unassignedPod(
  { client, unassignedPods }: ReviewContext,
  ref: { namespace: string; name: string; uid: string | undefined },
  budget: CallBudget,
): Promise<Pod | undefined> {
  const known = unassignedPods.get(ref);
  if (known && isInjected(known.metadata.labels) && (ref.uid === undefined || known.metadata.uid === ref.uid)) {
    return known;
  }
  return client.find(pods, ref, { timeoutMs: budget.remainingMs() });
}
