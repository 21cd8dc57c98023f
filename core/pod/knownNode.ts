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
 * The only node that the pod can run on: spec.nodeName, or the node that the DaemonSet controller writes as a required node affinity on
 * metadata.name. Undefined where the scheduler will choose.
 */
export function knownNode({ nodeName, affinity }: Placement): string | undefined {
  if (nodeName !== undefined && nodeName !== '') return nodeName;
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const [only] = terms;
  if (terms.length !== 1 || !only) return undefined;
  const field = only.matchFields?.find(({ key, operator }) => key === 'metadata.name' && operator === 'In');
  return field?.values?.length === 1 ? field.values[0] : undefined;
}
