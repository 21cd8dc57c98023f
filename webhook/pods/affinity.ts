import { matchesNone, type NodeRequirement, type NodeSelectorTerm, requiredTerms } from '../../core/pod/knownNode.ts';
import { type PatchOperation, pointer } from '../review/jsonPatch.ts';
import type { AdmittedPod } from '../review/pod.ts';

/** What a pod needs of its node. */
export interface NodeNeeds {
  /** Node label → the least number that the node must have there. */
  labels?: ReadonlyMap<string, number>;
  /** The only node that will do. */
  node?: string;
}

/** Where a pod says which nodes will do. */
export const requiredAffinity = [
  'spec',
  'affinity',
  'nodeAffinity',
  'requiredDuringSchedulingIgnoredDuringExecution',
] as const;

/**
 * Confines the pod to nodes that will do. The terms of a node affinity are alternatives, so each of them gets the requirements, in front
 * of the user's own; those that are there already are not added again.
 */
export function affinityOperations({ spec }: AdmittedPod, { labels, node }: NodeNeeds): PatchOperation[] {
  const matchExpressions = Array.from(labels ?? [], ([key, least]): NodeRequirement => {
    return { key, operator: 'Gt', values: [String(least - 1)] };
  });
  const matchFields = node === undefined ? [] : [{ key: 'metadata.name', operator: 'In', values: [node] }];
  const needs: NodeSelectorTerm = {
    ...(matchExpressions.length > 0 && { matchExpressions }),
    ...(matchFields.length > 0 && { matchFields }),
  };
  if (Object.keys(needs).length === 0) return [];
  const at = requiredAffinity;
  const terms = requiredTerms(spec);
  if (terms.length > 0) return terms.flatMap((term, i) => termOperations([...at, 'nodeSelectorTerms', i], term, needs));
  // As much of the path as exists already is kept.
  const selector = { nodeSelectorTerms: [needs] };
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
  term: NodeSelectorTerm,
  needs: NodeSelectorTerm,
): PatchOperation[] {
  // With a requirement of ours added, it would match many.
  if (matchesNone(term)) return [];
  return (['matchExpressions', 'matchFields'] as const).flatMap((kind): PatchOperation[] => {
    const have = term[kind] ?? [];
    const missing = (needs[kind] ?? []).filter(wanted => !have.some(requirement => isSame(requirement, wanted)));
    return missing.length === 0 ? [] : [{ op: 'add', path: pointer(...at, kind), value: [...missing, ...have] }];
  });
}

function isSame(a: NodeRequirement, b: NodeRequirement): boolean {
  return a.key === b.key && a.operator === b.operator && a.values?.join() === b.values?.join();
}
