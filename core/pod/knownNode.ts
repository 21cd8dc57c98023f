/** The parts of a pod's spec that can fix its node before the scheduler has run. */
export interface Placement {
  nodeName?: string;
  affinity?: {
    nodeAffinity?: {
      requiredDuringSchedulingIgnoredDuringExecution?: {
        nodeSelectorTerms: NodeSelectorTerm[];
      };
    };
  };
}

/** core/v1 NodeSelectorTerm. */
export interface NodeSelectorTerm {
  matchFields?: NodeRequirement[];
  matchExpressions?: NodeRequirement[];
}

/** core/v1 NodeSelectorRequirement. */
export interface NodeRequirement {
  key: string;
  operator: string;
  values?: string[];
}

/** Whether the pod has its node already, so that the scheduler will not look at it. */
export function isBound({ nodeName }: Placement): boolean {
  return nodeName !== undefined && nodeName !== '';
}

/**
 * The only node that the pod can run on: spec.nodeName, or the one that each term of its required node affinity names by metadata.name, as the
 * DaemonSet controller writes it, and admission for a pod that asks for a node's addresses. Undefined where the scheduler will choose.
 */
export function knownNode(placement: Placement): string | undefined {
  if (isBound(placement)) return placement.nodeName;
  const nodes = new Set(
    requiredTerms(placement)
      .filter(term => !matchesNone(term))
      .map(nodeOf),
  );
  const [only] = nodes;
  return nodes.size === 1 ? only : undefined;
}

/** The terms of the pod's required node affinity, of which one must match. */
export function requiredTerms({ affinity }: Pick<Placement, 'affinity'>): NodeSelectorTerm[] {
  return affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
}

/** A term without any requirement matches no node (core/v1 NodeSelectorTerm). */
export function matchesNone({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm): boolean {
  return matchExpressions.length + matchFields.length === 0;
}

function nodeOf({ matchFields }: NodeSelectorTerm): string | undefined {
  const field = matchFields?.find(({ key, operator }) => key === 'metadata.name' && operator === 'In');
  return field?.values?.length === 1 ? field.values[0] : undefined;
}
