import { buildImages } from '../../images/build.ts';
import type { Cluster } from '../cluster/index.ts';
import { followGuide } from './guide.ts';

/**
 * What a cluster needs so that its API server reaches webhooks behind a Service: nothing proxies Services here, so it goes to their
 * endpoints.
 */
export const reachesServices = ['--enable-aggregator-routing=true'];

/** Builds the system's images and loads them into every node, as pulling from a registry would. */
export async function loadImages(cluster: Cluster): Promise<void> {
  const archive = await buildImages();
  await Promise.all(cluster.nodes.map(node => node.importImage(archive)));
}

/** Installs from images and manifests, as the guide says. @returns when webhook and agents are rolled out */
export async function install(cluster: Cluster, overlay: string): Promise<void> {
  await followGuide(cluster, 'install', overlay);
  await followGuide(cluster, 'rolled out', overlay);
}
