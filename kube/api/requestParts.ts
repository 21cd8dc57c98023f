import type { ListOptions, PatchType, Query, WriteOptions } from './clientOptions.ts';
import { apiVersionOf } from './resources.ts';
import type { KubeObject, Resource } from './types.ts';

/** Content-Type of a patch. */
export const contentTypes: Record<PatchType, string> = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
};

/** The path, with those parameters that have a value. */
export function withQuery(path: string, query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  return parameters.size > 0 ? `${path}?${parameters.toString()}` : path;
}

/**
 * The parameters of one page of a list.
 * @param token the continue token of the page before, if there is one
 */
export function listQuery<T>(options: ListOptions<T>, token: string | undefined): Query {
  return {
    labelSelector: options.labelSelector,
    fieldSelector: options.fieldSelector,
    limit: options.limit,
    // A continue token carries its version; giving another beside it is refused.
    ...(token === undefined ? { resourceVersion: options.resourceVersion } : { continue: token }),
  };
}

/** The parameters of every write. */
export function writeQuery({ dryRun, fieldManager }: WriteOptions): Query {
  return { dryRun: dryRun ? 'All' : undefined, fieldManager };
}

/** The object as it is sent: with its version and kind. */
export function typed<T extends KubeObject>(resource: Resource<T>, object: T): T {
  return { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind };
}
