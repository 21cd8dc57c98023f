import { isDeepStrictEqual } from 'node:util';
import { readNetworks } from '../../core/annotation/networks.ts';
import { annotation, nicCountLabel } from '../../core/api/names.ts';
import { type NodeRequirement, type NodeSelectorTerm, requiredTerms } from '../../core/pod/knownNode.ts';
import { type PatchOperation, pointer } from '../review/jsonPatch.ts';
import type { AdmittedPod } from '../review/pod.ts';
import { requiredAffinity } from './affinity.ts';

/**
 * Puts the terms of the node affinity back where they are written as the author had them. Applying a manifest replaces the whole list, and the API
 * server would refuse the update for what is missing then.
 */
export function keepAffinity(before: AdmittedPod, after: AdmittedPod): PatchOperation[] {
  const [kept, written] = [requiredTerms(before.spec), requiredTerms(after.spec)];
  if (kept.length !== written.length || isDeepStrictEqual(kept, written)) return [];
  const isOurs = addedTo(before);
  const isKept = (term: NodeSelectorTerm, i: number): boolean =>
    (['matchExpressions', 'matchFields'] as const).every(kind => {
      const [had, has] = [term[kind] ?? [], written[i]?.[kind] ?? []];
      const added = Math.max(0, had.length - has.length);
      return had.slice(0, added).every(isOurs) && isDeepStrictEqual(had.slice(added), has);
    });
  if (!kept.every(isKept)) return [];
  return [{ op: 'add', path: pointer(...requiredAffinity, 'nodeSelectorTerms'), value: kept }];
}

/** Which requirements admission may have added to the pod: see affinityOperations(). */
function addedTo({ metadata }: AdmittedPod): (requirement: NodeRequirement) => boolean {
  const elements = readNetworks(metadata.annotations?.[annotation.networks] ?? '') ?? [];
  const labels = new Set(elements.map(({ name }) => nicCountLabel(name)));
  const hasNode = elements.some(({ ips = [] }) => ips.length > 0);
  return ({ key }) => labels.has(key) || (hasNode && key === 'metadata.name');
}
