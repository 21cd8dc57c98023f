import { KubeClient } from '../../kube/api/client.ts';
import type { Pod } from '../../kube/api/resources.ts';
import { startCluster } from '../cluster/index.ts';
import { Site } from '../e2e/site.ts';
import { reachesServices } from '../system/fromImages.ts';
import { followGuide } from '../system/guide.ts';
import { loadPrevious, previousRelease } from './previousRelease.ts';

export interface PreviousSite {
  site: Site;
  /** A folder with the previous release's manifests. */
  clone: string;
  /** One on each node, in the two networks. */
  pods: readonly [Pod, Pod];
  stop: () => Promise<void>;
}

/** A cluster of two nodes with the previous release, two networks, and a pod on each node. @param name of the cluster */
export async function startPrevious(name: string): Promise<PreviousSite> {
  const release = await previousRelease();
  await using parts = new AsyncDisposableStack();
  const cluster = parts.use(await startCluster({ name, nodes: 2, nics: 2, apiServerArgs: reachesServices }));
  const client = parts.use(await KubeClient.connect({ kubeconfig: cluster.kubeconfig }));
  const clone = await loadPrevious(cluster, release);
  await followGuide(cluster, 'install: install', { cwd: clone });
  await followGuide(cluster, 'install: rolled out', { cwd: clone });
  const site = new Site(cluster, client);
  await site.createNetworks();
  const [one, other] = cluster.nodes;
  if (!one || !other) throw new Error('The cluster has two nodes');
  await site.create('one', one);
  await site.create('other', other);
  const pods = [await site.running('one'), await site.running('other')] as const;
  const whole = parts.move();
  return { site, clone, pods, stop: () => whole.disposeAsync() };
}
