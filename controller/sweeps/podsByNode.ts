import type { KubeClient } from '../../kube/api/client.ts';
import { isBehind } from '../../kube/api/errors.ts';
import { pods } from '../../kube/api/resources.ts';
import { mayRun } from './injectedPods.ts';

/**
 * Makes the question whether pods that may run are bound to a node, for one sweep: the answer is no older than the first time that it is asked.
 *
 * The API server's cache finds pods by their node, etcd does not: from there it reads all pods that there are, for each node anew. So the cache is asked,
 * which has to have reached what etcd had at first. That takes one change of any pod, for which it waits some seconds (before Kubernetes 1.31;
 * newer ones ask etcd for it). Where none comes, pods are few or at rest, and etcd is asked after all.
 */
export function podsByNode(client: KubeClient, signal: AbortSignal): (node: string) => Promise<boolean> {
  let latest: Promise<string> | undefined;
  let isQuiet = false;
  return async node => {
    const here = { fieldSelector: `spec.nodeName=${node}`, signal };
    const has = async (version: { resourceVersion?: string; limit?: number }): Promise<boolean> =>
      (await client.list(pods, { ...here, ...version })).items.some(mayRun);
    // To find any, whatever the cache has is enough.
    if (await has({ resourceVersion: '0' })) return true;
    latest ??= client.latestVersion(pods, { signal });
    const resourceVersion = await latest;
    if (!isQuiet) {
      try {
        // With a limit it would be read from etcd, too.
        return await has({ resourceVersion, limit: 0 });
      } catch (error) {
        if (!isBehind(error)) throw error;
        isQuiet = true;
      }
    }
    return has({});
  };
}
