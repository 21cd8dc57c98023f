import { label } from '../../core/api/names.ts';
import { MultiNicError } from '../../core/errors.ts';
import { isRecord } from '../../core/json.ts';
import type { Placement } from '../../core/pod/knownNode.ts';
import { flag, listOf, mapOf, objectOf, orNull, quantity, text } from '../../core/shape.ts';
import { type AdmissionRequest, checkShape } from './review.ts';

export interface PodReviewOptions {
  /** Users that may change attachments: the system's own service accounts, as system:serviceaccount:<namespace>:<name>. */
  systemUsers: ReadonlySet<string>;
}

/** A pod in a review, the parts that are looked at. Empty maps are absent. */
export interface AdmittedPod {
  metadata: {
    name?: string;
    generateName?: string;
    uid?: string;
    labels?: Record<string, string> | null;
    annotations?: Record<string, string> | null;
  };
  spec: Placement & {
    hostNetwork?: boolean;
    os?: { name?: string } | null;
    nodeSelector?: Record<string, string> | null;
    /** Names of those that hold it back from the scheduler (KEP-3521). */
    schedulingGates?: { name?: string }[] | null;
    containers: AdmittedContainer[];
    initContainers?: AdmittedContainer[] | null;
  };
}

export interface AdmittedContainer {
  name: string;
  resources?: ContainerResources | null;
  /** `Always` makes an init container a sidecar. */
  restartPolicy?: string;
}

export interface ContainerResources {
  requests?: Record<string, string | number> | null;
  limits?: Record<string, string | number> | null;
}

const metadata = {
  name: text,
  generateName: text,
  uid: text,
  labels: orNull(mapOf(text)),
  annotations: orNull(mapOf(text)),
  finalizers: orNull(listOf(text)),
};

/** The meta/v1 ObjectMeta of an object that has its name. */
export const namedMetadataShape = objectOf(metadata, ['name']);

const requirement = objectOf({ key: text, operator: text, values: listOf(text) });
const nodeSelector = objectOf({
  nodeSelectorTerms: orNull(
    listOf(objectOf({ matchFields: listOf(requirement), matchExpressions: listOf(requirement) })),
  ),
});
const resources = orNull(objectOf({ requests: orNull(mapOf(quantity)), limits: orNull(mapOf(quantity)) }));
const container = objectOf({ name: text, resources, restartPolicy: text });

/** core/v1 Pod, the parts that AdmittedPod has. */
const podShape = objectOf(
  {
    metadata: objectOf(metadata),
    spec: objectOf({
      nodeName: text,
      hostNetwork: flag,
      os: orNull(objectOf({ name: text })),
      nodeSelector: orNull(mapOf(text)),
      schedulingGates: orNull(listOf(objectOf({ name: text }))),
      affinity: objectOf({ nodeAffinity: objectOf({ requiredDuringSchedulingIgnoredDuringExecution: nodeSelector }) }),
      containers: orNull(listOf(container)),
      initContainers: orNull(listOf(container)),
    }),
  },
  ['metadata', 'spec'],
);

/** @throws MultiNicError MNN_REVIEW_INVALID if the request has no pod or no namespace */
export function podOf(request: AdmissionRequest): { pod: AdmittedPod; namespace: string } {
  const { object, namespace } = request;
  if (!isRecord(object) || namespace === undefined)
    throw new MultiNicError('MNN_REVIEW_INVALID', 'the request has no pod');
  checkShape(object, podShape, 'object');
  const pod = object as unknown as AdmittedPod;
  // Mutating webhooks are called before the API server checks that there is one.
  return { pod: { ...pod, spec: { ...pod.spec, containers: pod.spec.containers ?? [] } }, namespace };
}

/** For records and messages: the name, or the generateName that the API server will complete. */
export function displayName({ metadata }: AdmittedPod): string {
  return metadata.name ?? metadata.generateName ?? '';
}

/** Whether the pod has the mark of those that admission gave networks. */
export function isInjected(labels: Readonly<Record<string, string>> | null | undefined): boolean {
  return labels?.[label.injected] === 'true';
}

/** Whether something holds the pod back from the scheduler: a queue like Kueue, until it is the pod's turn. */
export function isGated({ spec }: AdmittedPod): boolean {
  return (spec.schedulingGates ?? []).length > 0;
}
