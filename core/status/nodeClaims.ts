import { extendedResourceName, nicCountLabel } from '../api/names.ts';
import { type Placement, requiredTerms } from '../pod/knownNode.ts';
import { wholeQuantity } from './nodeCapacity.ts';

/** Name → quantity; undefined where it is not known, and what there is stays. */
export type Quantities = Map<string, number | undefined>;

/** What a node has for the scheduler: amounts of extended resources, and numbers in labels. */
export interface NodeShares {
  resources: Quantities;
  labels: Quantities;
}

/** The parts of a Pod (core/v1) that claim something of its node. */
export interface ClaimingPod {
  spec?: Pick<Placement, 'affinity'> & {
    containers: readonly ClaimingContainer[];
    initContainers?: readonly ClaimingContainer[];
  };
  status?: { phase?: string };
}

interface ClaimingContainer {
  resources?: { requests?: Readonly<Record<string, string>> };
  /** Of an init container `Always`: a sidecar. */
  restartPolicy?: string;
}

/** What pods claim of their node: how much of each resource together, and the highest number that a label must have for one of them. */
export interface NodeClaims {
  resources: ReadonlyMap<string, number>;
  labels: ReadonlyMap<string, number>;
}

/** Of the pods of one node, those that have not finished. */
export function claimsOf(pods: readonly ClaimingPod[]): NodeClaims {
  const resources = new Map<string, number>();
  const labels = new Map<string, number>();
  for (const { spec, status } of pods) {
    if (!spec || status?.phase === 'Succeeded' || status?.phase === 'Failed') continue;
    const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
    const containers = [...spec.containers, ...sidecars];
    for (const [name, quantity] of containers.flatMap(({ resources: r }) => Object.entries(r?.requests ?? {})))
      resources.set(name, (resources.get(name) ?? 0) + (wholeQuantity(quantity) ?? 0));
    const requirements = requiredTerms(spec).flatMap(({ matchExpressions = [] }) => matchExpressions);
    for (const { key, operator, values: [value] = [] } of requirements) {
      if (operator === 'Gt') labels.set(key, Math.max(Number(value) + 1, labels.get(key) ?? 0));
    }
  }
  return { resources, labels };
}

/** Whether a node would get less of anything for whose lack a restarted kubelet fails pods: see {@link keepClaimed}. */
export function takesFrom(has: NodeShares, wanted: NodeShares): boolean {
  const isLess = (quantities: Quantities, name: string, absent: number, count = 0): boolean =>
    count > (quantities.get(name) ?? (quantities.has(name) ? Infinity : absent));
  return (
    [...has.resources].some(([name, count]) => isLess(wanted.resources, name, Infinity, count)) ||
    [...has.labels].some(([name, count]) => isLess(wanted.labels, name, 0, count))
  );
}

/**
 * Lets a node keep what its pods claim of what it has. A restarted kubelet admits its running pods again, and fails those for which the node
 * has too little, or whose required node affinity its labels do not meet; it ignores a resource that the node does not have at all
 * (k8s.io/kubernetes pkg/kubelet/lifecycle/predicate.go). A node whose label stays has no more addresses than its pods claim: it lacks the
 * NICs that the label tells of, and the scheduler must send no pod there for them.
 * @param wanted what the node should have otherwise; it is changed
 * @returns whether the node keeps anything for this reason
 */
export function keepClaimed(wanted: NodeShares, has: NodeShares, claims: NodeClaims): boolean {
  let isKept = false;
  for (const [name, claimed] of claims.resources) {
    const count = wanted.resources.get(name);
    const kept = Math.min(claimed, has.resources.get(name) ?? 0);
    if (count === undefined || count >= kept) continue;
    wanted.resources.set(name, kept);
    isKept = true;
  }
  for (const [name, least] of claims.labels) {
    const isUnknown = wanted.labels.has(name) && wanted.labels.get(name) === undefined;
    const kept = Math.min(least, has.labels.get(name) ?? 0);
    if (isUnknown || (wanted.labels.get(name) ?? 0) >= kept) continue;
    wanted.labels.set(name, kept);
    isKept = true;
    const addresses = extendedResourceName(name.slice(nicCountLabel('').length));
    const claimed = claims.resources.get(addresses) ?? 0;
    if ((wanted.resources.get(addresses) ?? 0) <= claimed) continue;
    if (claimed > 0) wanted.resources.set(addresses, claimed);
    else wanted.resources.delete(addresses);
  }
  return isKept;
}
