import { label, mirrorAnnotation } from '../api/names.ts';

/** What admission looks at in a pod. */
export interface PodFacts {
  namespace: string;
  labels: Readonly<Record<string, string>>;
  annotations: Readonly<Record<string, string>>;
  hostNetwork: boolean;
  /** The operating system that it says it is for. */
  os?: string | undefined;
}

/** The parts of a Pod (core/v1) that tell. */
export interface FactSource {
  metadata: {
    labels?: Readonly<Record<string, string>> | null;
    annotations?: Readonly<Record<string, string>> | null;
  };
  spec?: {
    hostNetwork?: boolean;
    os?: { name?: string } | null;
    nodeSelector?: Readonly<Record<string, string>> | null;
  };
}

/** @param namespace the request's, in a review: the object's own may be absent */
export function factsOf({ metadata, spec }: FactSource, namespace: string): PodFacts {
  return {
    namespace,
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    hostNetwork: spec?.hostNetwork === true,
    // spec.os is there from Kubernetes 1.24 on.
    os: spec?.os?.name ?? spec?.nodeSelector?.['kubernetes.io/os'],
  };
}

/** Why a pod is left alone; undefined where it is not. */
export function skipReason(pod: PodFacts, namespaceLabels: Readonly<Record<string, string>>): string | undefined {
  if (namespaceLabels[label.injection] !== 'enabled') return `its namespace has no label ${label.injection}=enabled`;
  if (pod.labels[label.injection] === 'disabled') return `it has the label ${label.injection}=disabled`;
  if (pod.hostNetwork) return 'it uses the host network';
  if (pod.os !== undefined && pod.os !== 'linux') return `it is for ${pod.os}`;
  if (mirrorAnnotation in pod.annotations) return 'it is the mirror of a static pod';
  return undefined;
}
