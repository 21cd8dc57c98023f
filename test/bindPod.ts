import type { KubeClient } from '../kube/api/client.ts';
import type { WriteOptions } from '../kube/api/clientOptions.ts';
import { writeQuery } from '../kube/api/requestParts.ts';
import { pathOf, pods } from '../kube/api/resources.ts';

/** What a scheduler posts to bind a pod. @param annotations of the Binding, which the API server copies to the pod */
export function bindingOf(name: string, node: string, annotations?: Record<string, string>) {
  return {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name, annotations },
    target: { apiVersion: 'v1', kind: 'Node', name: node },
  };
}

/** Binds a pod to a node as a scheduler does. */
export function bindPod(
  client: KubeClient,
  ref: { namespace: string; name: string },
  node: string,
  { annotations, ...options }: WriteOptions & { annotations?: Record<string, string> } = {},
): Promise<unknown> {
  const body = bindingOf(ref.name, node, annotations);
  return client.request('POST', pathOf(pods, ref, 'binding'), { ...options, query: writeQuery(options), body });
}
