import type { KubeClient } from '../../kube/api/client.ts';
import type { ListOptions } from '../../kube/api/clientOptions.ts';
import { isBehind } from '../../kube/api/errors.ts';
import { type Pod, pods } from '../../kube/api/resources.ts';
import { mayRun } from './injectedPods.ts';

/**
 * Makes the question whether pods that may run are bound to a node, for one sweep: the answer is no older than the first time that it is asked.
 *
 * The API server's cache finds pods by their node, etcd does not: from there it reads all pods that there are, for each node anew. So the cache is asked,
 * which has to have reached what etcd had at first. That takes one change of any pod, for which it waits some seconds (before Kubernetes 1.31;
 * newer ones ask etcd for it). Where none comes, all pods are read once.
 */
export function podsByNode(client: KubeClient, signal: AbortSignal): (node: string) => Promise<boolean> {
  let latest: Promise<string> | undefined;
  let nodesWithPods: Promise<ReadonlySet<string>> | undefined;
  return async node => {
    const has = async (version: Pick<ListOptions<Pod>, 'resourceVersion' | 'limit'>): Promise<boolean> =>
      (await client.list(pods, { ...version, fieldSelector: `spec.nodeName=${node}`, signal })).items.some(mayRun);
    // To find any, whatever the cache has is enough.
    if (await has({ resourceVersion: '0' })) return true;
    latest ??= client.latestVersion(pods, { signal });
    const resourceVersion = await latest;
    if (!nodesWithPods) {
      try {
        // With a limit it would be read from etcd, too.
        return await has({ resourceVersion, limit: 0 });
      } catch (error) {
        if (!isBehind(error)) throw error;
      }
    }
    nodesWithPods ??= readNodesWithPods(client, signal);
    return (await nodesWithPods).has(node);
  };
}

/** Of the pods nothing is kept: there may be 150,000. */
async function readNodesWithPods(client: KubeClient, signal: AbortSignal): Promise<Set<string>> {
  const found = new Set<string>();
  const seen: Pod = { metadata: { name: '' } };
  await client.list(pods, {
    signal,
    transform: pod => {
      if (pod.spec?.nodeName && mayRun(pod)) found.add(pod.spec.nodeName);
      return seen;
    },
  });
  return found;
}
