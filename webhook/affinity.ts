import type { NodeRequirement, NodeSelectorTerm } from '../core/pod/knownNode.ts';
import { pointer, type PatchOperation } from './jsonPatch.ts';
import type { AdmittedPod } from './pod.ts';

/**
 * Has the pod go only to nodes whose labels have at least these numbers. The terms of a node affinity are alternatives, so each of them gets
 * the requirements, in front of what the user wrote; what is there already is not added again.
 */
export function affinityOperations({ spec }: AdmittedPod, labels: ReadonlyMap<string, number>): PatchOperation[] {
  const requirements = [...labels].map(([key, least]): NodeRequirement => {
    return { key, operator: 'Gt', values: [String(least - 1)] };
  });
  if (requirements.length === 0) return [];
  const at = ['spec', 'affinity', 'nodeAffinity', 'requiredDuringSchedulingIgnoredDuringExecution'] as const;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const terms = required?.nodeSelectorTerms ?? [];
  if (terms.length > 0)
    return terms.flatMap((term, i) => termOperations([...at, 'nodeSelectorTerms', i], term, requirements));
  // The longest part of the way that is there already is kept.
  const selector = { nodeSelectorTerms: [{ matchExpressions: requirements }] };
  if (!spec.affinity) {
    return [{ op: 'add', path: pointer('spec', 'affinity'), value: { nodeAffinity: { [at[3]]: selector } } }];
  }
  if (!spec.affinity.nodeAffinity) {
    return [{ op: 'add', path: pointer('spec', 'affinity', 'nodeAffinity'), value: { [at[3]]: selector } }];
  }
  return [{ op: 'add', path: pointer(...at), value: selector }];
}

function termOperations(
  at: readonly (string | number)[],
  { matchExpressions, matchFields }: NodeSelectorTerm,
  requirements: readonly NodeRequirement[],
): PatchOperation[] {
  const missing = requirements.filter(wanted => !matchExpressions?.some(have => isSame(have, wanted)));
  // A term without any requirement matches no node (core/v1 NodeSelectorTerm); with one of ours it would match many.
  if (missing.length === 0 || !(matchExpressions?.length || matchFields?.length)) return [];
  const all = [...missing, ...(matchExpressions ?? [])];
  return [{ op: 'add', path: pointer(...at, 'matchExpressions'), value: all }];
}

function isSame(a: NodeRequirement, b: NodeRequirement): boolean {
  return a.key === b.key && a.operator === b.operator && a.values?.join() === b.values?.join();
}
