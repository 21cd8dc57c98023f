import { interfaceNames, parseNetworks } from '../../core/annotation/networks.ts';
import { annotation, attachmentsKey, label } from '../../core/api/names.ts';
import { isMultiNicError, MultiNicError } from '../../core/errors.ts';
import { allow, type Decision, deny, skip } from '../review/decision.ts';
import { type AdmittedPod, displayName, isInjected, podOf, type PodReviewOptions } from '../review/pod.ts';
import type { AdmissionRequest } from '../review/review.ts';

/** What admission decided about a pod stays as it is: nobody but the system itself changes it. */
export function validatePodUpdate(request: AdmissionRequest, { systemUsers }: PodReviewOptions): Decision {
  const { username = '' } = request.userInfo;
  const { pod } = podOf(request);
  const { pod: before } = podOf({ ...request, object: request.oldObject });
  if (!isInjected(before.metadata.labels) && !isInjected(pod.metadata.labels)) return skip('the pod is not injected');
  if (systemUsers.has(username)) return allow();
  const changed = changedDecision(before, pod);
  if (changed === undefined) return allow();
  return deny(new MultiNicError('MNN_ATTACHMENTS_CHANGED', `pod ${displayName(pod)}: ${changed}`));
}

/** Which part of what admission decided differs; undefined if none does. */
function changedDecision(before: AdmittedPod, after: AdmittedPod): string | undefined {
  const [old, now] = [before.metadata, after.metadata];
  if (old.labels?.[label.injected] !== now.labels?.[label.injected]) return `the label ${label.injected} was changed`;
  if (isOptedOut(old.labels) && !isOptedOut(now.labels)) {
    return `the label ${label.injection}=disabled was taken off, which may have kept anything from being decided`;
  }
  if (old.annotations?.[annotation.reservation] !== now.annotations?.[annotation.reservation]) {
    return `the annotation ${annotation.reservation} was changed`;
  }
  const [oldText = '', text = ''] = [old.annotations?.[annotation.networks], now.annotations?.[annotation.networks]];
  if (oldText === text) return undefined;
  return attachmentsText(oldText) === attachmentsText(text)
    ? undefined
    : `the attachments in ${annotation.networks} were changed`;
}

/** With our mark beside it, which its author may have set, such a pod would pass for one that was decided. */
function isOptedOut(labels: AdmittedPod['metadata']['labels']): boolean {
  return labels?.[label.injection] === 'disabled';
}

/** Network, interface and attachments of each element that has any, as one comparable text. */
function attachmentsText(annotationText: string): string {
  try {
    const elements = parseNetworks(annotationText);
    const ifnames = interfaceNames(elements);
    return JSON.stringify(
      elements.flatMap(({ name, namespace, 'cni-args': args }, i) => {
        const attachments = args?.[attachmentsKey];
        return attachments === undefined ? [] : [[name, namespace ?? null, ifnames[i], attachments]];
      }),
    );
  } catch (error) {
    // An unreadable annotation has no attachments; Multus reports what is wrong with it.
    if (isMultiNicError(error)) return '[]';
    throw error;
  }
}
