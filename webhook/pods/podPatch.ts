import { annotation, label } from '../../core/api/names.ts';
import { MultiNicError } from '../../core/errors.ts';
import { wholeQuantity } from '../../core/status/nodeCapacity.ts';
import { type PatchOperation, removeEntry, setEntries } from '../review/jsonPatch.ts';
import type { AdmittedPod } from '../review/pod.ts';
import { affinityOperations, type NodeNeeds } from './affinity.ts';

/** What the mutating webhook decided about a pod. */
export interface PodOutcome {
  /** Text of the networks annotation. */
  networks: string;
  /** Id of the reservation, if addresses were granted. */
  reservation?: string;
  /** Tells that it is the pod's, where the id itself does not. */
  reservationFor?: string;
  /** Extended resource → how much of it the node must have left. */
  resources: ReadonlyMap<string, number>;
  /** What the scheduler has to look for. */
  needs?: NodeNeeds;
}

/** Limit on keys and values of an object's annotations (k8s.io/apimachinery/pkg/api/validation, TotalAnnotationSizeLimitB). */
const maxAnnotationBytes = 262_144;

/**
 * The patch that writes the outcome into the pod and touches nothing else; empty for a pod that has it already.
 * @throws MultiNicError MNN_ANNOTATIONS_TOO_LARGE
 */
export function podPatch(pod: AdmittedPod, outcome: PodOutcome): { operations: PatchOperation[]; warnings: string[] } {
  const { metadata } = pod;
  const { networks, reservation, reservationFor, resources, needs = {} } = outcome;
  const annotations = {
    [annotation.networks]: networks,
    ...(reservation && { [annotation.reservation]: reservation }),
    ...(reservationFor && { [annotation.reservationFor]: reservationFor }),
  };
  const stale = [annotation.reservation, annotation.reservationFor].filter(name => !(name in annotations));
  checkAnnotationSize({ ...metadata.annotations, ...annotations });
  const { operations, warnings } = resourceOperations(pod, resources);
  return {
    operations: [
      ...setEntries(['metadata', 'annotations'], metadata.annotations, annotations),
      ...stale.flatMap(name => removeEntry(['metadata', 'annotations'], metadata.annotations, name)),
      ...setEntries(['metadata', 'labels'], metadata.labels, { [label.injected]: 'true' }),
      ...operations,
      ...affinityOperations(pod, needs),
    ],
    warnings,
  };
}

/** @throws MultiNicError MNN_ANNOTATIONS_TOO_LARGE */
export function checkAnnotationSize(annotations: Readonly<Record<string, string>>): void {
  const bytes = Object.entries(annotations).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
  if (bytes <= maxAnnotationBytes) return;
  throw new MultiNicError('MNN_ANNOTATIONS_TOO_LARGE', `the pod's annotations have ${bytes} bytes`);
}

/** Names the container of a pod that kubectl takes where its user names none: the workload's own, where meshes and workflows add others. */
const defaultContainer = 'kubectl.kubernetes.io/default-container';

/**
 * The scheduler adds up what all containers ask for, including sidecars (KEP-753); ours goes to the default one or else the first one, which then has
 * the devices, unless the user's pod asks for it in any. Devices of other init containers are reused by the kubelet for the first container.
 */
function resourceOperations(
  { metadata, spec: { containers, initContainers } }: AdmittedPod,
  resources: ReadonlyMap<string, number>,
): { operations: PatchOperation[]; warnings: string[] } {
  const missing: Record<string, string> = {};
  const warnings: string[] = [];
  const sidecars = (initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  for (const [name, count] of resources) {
    const asked = [...containers, ...sidecars].flatMap(
      ({ resources: r }) => r?.requests?.[name] ?? r?.limits?.[name] ?? [],
    );
    if (asked.length === 0) missing[name] = String(count);
    else if (asked.reduce<number>((sum, quantity) => sum + (wholeQuantity(String(quantity)) ?? 0), 0) < count) {
      warnings.push(`the containers ask for ${asked.join(' + ')} ${name}, the pod's networks take ${count}`);
    }
  }
  const named = containers.findIndex(({ name }) => name === metadata.annotations?.[defaultContainer]);
  const index = Math.max(0, named);
  const container = containers[index];
  if (!container || Object.keys(missing).length === 0) return { operations: [], warnings };
  const at = ['spec', 'containers', index, 'resources'];
  const operations = container.resources
    ? [
        ...setEntries([...at, 'limits'], container.resources.limits, missing),
        ...setEntries([...at, 'requests'], container.resources.requests, missing),
      ]
    : setEntries(at, undefined, { limits: missing, requests: missing });
  return { operations, warnings };
}
