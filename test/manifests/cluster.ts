import { join } from 'node:path';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { applyManifests } from '../system/apply.ts';

/** The clone's root. */
export const root = join(import.meta.dirname, '../..');

let started: Promise<Cluster> | undefined;

/**
 * One control plane for all tests of this folder, with the schemas installed: started by the first that wants it, ended with the run.
 * The webhooks are not there, so what is refused is refused by the schemas.
 */
function schemaCluster(): Promise<Cluster> {
  return (started ??= start());
}

async function start(): Promise<Cluster> {
  const cluster = await startCluster({ name: 'manifests' });
  await applyManifests(cluster, 'manifests/base/crds');
  return cluster;
}

after(async function () {
  this.timeout(30_000);
  const cluster = await started;
  await cluster?.stop();
});

/** Starts the cluster before a suite's first test; the first run of all builds its programs. */
export function useSchemaCluster(): () => Cluster {
  let cluster: Cluster | undefined;
  before(async function () {
    this.timeout(900_000);
    cluster = await schemaCluster();
  });
  return () => {
    if (cluster === undefined) throw new Error('The cluster starts before the first test');
    return cluster;
  };
}
