import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from '../cluster/index.ts';

const root = join(import.meta.dirname, '../..');

/** Schemas of the resources of Multus, which its own installation brings. */
export const definitionCrd = 'test/system/netAttachDefCrd.yaml';

/** How often `kubectl wait` is called again: it fails at once where a schema has no conditions yet. */
const attempts = 30;

/**
 * Applies manifests, and waits until the API server serves every CustomResourceDefinition that it has.
 * @param paths files or folders, from the repository's root
 */
export async function applyManifests(cluster: Pick<Cluster, 'kubectl'>, ...paths: readonly string[]): Promise<void> {
  for (const path of paths) await cluster.kubectl(['apply', '-f', join(root, path)]);
  await untilServed(cluster);
}

/** Waits until the API server serves every CustomResourceDefinition that it has. */
export async function untilServed(cluster: Pick<Cluster, 'kubectl'>): Promise<void> {
  const wait = ['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s'];
  for (let attempt = 1; attempt < attempts; attempt++) {
    const { code } = await cluster.kubectl(wait, { allowFailure: true });
    if (code === 0) return;
    await sleep(200);
  }
  await cluster.kubectl(wait);
}
