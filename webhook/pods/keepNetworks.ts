import { isDeepStrictEqual } from 'node:util';
import { withoutAttachments } from '../../core/annotation/attachments.ts';
import { readNetworks } from '../../core/annotation/networks.ts';
import { annotation } from '../../core/api/names.ts';
import { allow, type Decision, skip } from '../review/decision.ts';
import { setEntries } from '../review/jsonPatch.ts';
import { podOf, type PodReviewOptions } from '../review/pod.ts';
import type { AdmissionRequest } from '../review/review.ts';

/**
 * POST /mutate-pod-updates, pods UPDATE: when a pod's manifest is applied again, it has its networks as the author wrote them. What admission made
 * of them is put back, so that the update does what its author means. Anything else is left to validation. It has a path of its own, as
 * replicas of release 0.1.0 decide anew about whatever comes to /mutate-pods; during an upgrade they do not know this path, which
 * failurePolicy ignores.
 */
export function keepNetworks(request: AdmissionRequest, { systemUsers }: PodReviewOptions): Decision {
  if (systemUsers.has(request.userInfo.username ?? '')) return skip('the system itself changes the pod');
  const { metadata } = podOf(request).pod;
  const kept = podOf({ ...request, object: request.oldObject }).pod.metadata.annotations?.[annotation.networks];
  const written = metadata.annotations?.[annotation.networks];
  if (kept === undefined || written === undefined || written === kept) return skip('its networks were not written');
  if (!isDeepStrictEqual(readNetworks(written), readNetworks(kept)?.map(withoutAttachments))) {
    return skip('it should get other networks');
  }
  const entries = { [annotation.networks]: kept };
  return allow({ patch: setEntries(['metadata', 'annotations'], metadata.annotations, entries) });
}
