import type { ObjectMeta } from '../../core/api/types.ts';

/** Any object of the Kubernetes API as it is on the wire: times are RFC 3339 strings. */
export interface KubeObject<Spec = unknown, Status = unknown> {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  spec?: Spec;
  status?: Status;
}

/** The wire form of a generated model type: the models say `Date` where JSON has a string. */
export type Wire<T> = T extends Date ? string : T extends object ? { [K in keyof T]: Wire<T[K]> } : T;

/** A generated model as the API server returns it: always with metadata. */
export type Stored<T> = Omit<Wire<T>, 'metadata'> & { metadata: ObjectMeta };

/** What identifies one object of a resource. `namespace` is given exactly where the resource is namespaced. */
export interface ObjectRef {
  readonly name: string;
  readonly namespace?: string;
}

declare const objectType: unique symbol;

/** One resource of the API: how its URLs are built, and the type of its objects. */
export interface Resource<T extends KubeObject = KubeObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Never set; carries the type of the objects. */
  readonly [objectType]?: T;
}

/** meta/v1 List, of one page. */
export interface KubeList<T extends KubeObject> {
  metadata: { resourceVersion?: string; continue?: string };
  items: T[];
}

/** meta/v1 Status, the body of every error answer. */
export interface KubeStatus {
  kind: 'Status';
  message?: string;
  reason?: string;
  code?: number;
  details?: KubeStatusDetails;
}

export interface KubeStatusDetails {
  retryAfterSeconds?: number;
  causes?: { reason?: string; message?: string; field?: string }[];
}

/**
 * `namespace/name`, or `name` for cluster-scoped objects: the key of stores and work queues (the convention of client-go's
 * MetaNamespaceKeyFunc).
 */
export function keyOf(ref: ObjectRef): string {
  return ref.namespace ? `${ref.namespace}/${ref.name}` : ref.name;
}

/** The inverse of {@link keyOf}. */
export function refOf(key: string): ObjectRef {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
