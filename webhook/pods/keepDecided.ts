import { isDeepStrictEqual } from 'node:util';
import { withoutAttachments } from '../../core/annotation/attachments.ts';
import { formatNetworks, interfaceNames, type NetworkSelection, readNetworks } from '../../core/annotation/networks.ts';
import { annotation } from '../../core/api/names.ts';
import { elementsNamed } from '../../core/pod/selectNetworks.ts';
import { allow, type Decision, skip } from '../review/decision.ts';
import { type PatchOperation, setEntries } from '../review/jsonPatch.ts';
import { type AdmittedPod, podOf, type PodReviewOptions } from '../review/pod.ts';
import type { AdmissionRequest } from '../review/review.ts';
import { keepAffinity } from './keepAffinity.ts';

/**
 * POST /mutate-pod-updates, pods UPDATE: when a pod's manifest is applied again, it has its networks and its node affinity as the author wrote them.
 * What admission made of them is put back, so that the update does what its author means. Anything else is left to validation. It has a
 * path of its own, as replicas of release 0.1.0 decide anew about whatever comes to /mutate-pods; during an upgrade they do not know this
 * path, which failurePolicy ignores.
 */
export function keepDecided(request: AdmissionRequest, { systemUsers }: PodReviewOptions): Decision {
  if (systemUsers.has(request.userInfo.username ?? '')) return skip('the system itself changes the pod');
  const { pod } = podOf(request);
  const { pod: before } = podOf({ ...request, object: request.oldObject });
  const patch = [...keepNetworks(before, pod), ...keepAffinity(before, pod)];
  return patch.length > 0 ? allow({ patch }) : skip('nothing of what was decided was written otherwise');
}

/**
 * Puts the attachments back into elements that are written as the author had them: for the same interface, and without attachments. Whoever adds a network
 * to a pod may write the whole list anew from what it knows, as KubeVirt does. So with the networks that admission added behind the author's own list.
 */
function keepNetworks(before: AdmittedPod, { metadata }: AdmittedPod): PatchOperation[] {
  const kept = before.metadata.annotations?.[annotation.networks];
  const written = metadata.annotations?.[annotation.networks];
  if (kept === undefined || written === undefined || written === kept) return [];
  const [had, has] = [readNetworks(kept), readNetworks(written)];
  if (!had || !has) return [];
  const [hadNames, hasNames] = [interfaceNames(had), interfaceNames(has)];
  const restored = has.map((element, i) => {
    const decided = had[hadNames.indexOf(hasNames[i] ?? '')];
    return decided && isDeepStrictEqual(element, withoutAttachments(decided)) ? decided : element;
  });
  const elements = [...restored, ...addedBehind(had.slice(has.length), metadata)];
  if (isDeepStrictEqual(elements, has)) return [];
  const text = isDeepStrictEqual(elements, had) ? kept : formatNetworks(elements);
  return setEntries(['metadata', 'annotations'], metadata.annotations, { [annotation.networks]: text });
}

/** Of the elements that the pod had more than are written: all, if they are those of its annotation multinic.fms.io/networks; else none. */
function addedBehind(rest: readonly NetworkSelection[], { annotations }: AdmittedPod['metadata']): NetworkSelection[] {
  const named = elementsNamed(annotations?.[annotation.ourNetworks]);
  return isDeepStrictEqual(rest.map(withoutAttachments), named) ? [...rest] : [];
}
