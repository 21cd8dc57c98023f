import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KubeClient } from '../../kube/api/client.ts';
import { cidrs, hostInterfaces, ipPools, multiNicNetworks, pods } from '../../kube/api/resources.ts';
import type { KubeObject, Resource } from '../../kube/api/types.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { applyManifests } from '../system/apply.ts';
import { forward } from '../uml/forward.ts';
import { outsideApiVariable } from './inside.ts';
import type { OutsideApi } from './outside.ts';

/** The API server of a site: at 127.0.0.1. */
export interface SiteApi extends AsyncDisposable {
  /** Absent where the API server was given to this process. */
  readonly cluster?: Cluster;
  /** Absent where processes are let in as those in pods are: by the service account's files and the environment. */
  readonly kubeconfig?: string;
  /** https://127.0.0.1:PORT. */
  readonly server: string;
}

/**
 * The environment of a process inside that uses the API server: it is let in as a pod is, for the library that reads kubeconfigs takes
 * seconds to load there.
 */
export function outsideEnvironment(api: OutsideApi): Record<string, string> {
  return {
    [outsideApiVariable]: JSON.stringify(api),
    KUBERNETES_SERVICE_HOST: '127.0.0.1',
    KUBERNETES_SERVICE_PORT: new URL(api.server).port,
  };
}

/** The API server that this process was given, else one of its own. */
export async function siteApi(): Promise<SiteApi> {
  const given = process.env[outsideApiVariable];
  return given === undefined ? ownApi() : outsideApi(JSON.parse(given) as OutsideApi);
}

async function ownApi(): Promise<SiteApi> {
  const cluster = await startSiteCluster();
  const { kubeconfig, server } = cluster;
  return { cluster, kubeconfig, server, [Symbol.asyncDispose]: () => cluster.stop() };
}

/** A control plane that knows our resources. */
export async function startSiteCluster(): Promise<Cluster> {
  const cluster = await startCluster({ nodes: 0 });
  await applyManifests(cluster, 'manifests/base/crds');
  return cluster;
}

/** Several sites use it, one after another: each leaves it empty. */
async function outsideApi({ server, address, token, caCertificate }: OutsideApi): Promise<SiteApi> {
  const folder = '/run/secrets/kubernetes.io/serviceaccount'; // /run is the machine's own
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'token'), token);
  writeFileSync(join(folder, 'ca.crt'), caCertificate);
  const wire = await forward('127.0.0.1', Number(new URL(server).port), address);
  return {
    server,
    async [Symbol.asyncDispose]() {
      const client = await KubeClient.connect();
      await deleteAll(client, multiNicNetworks);
      await deleteAll(client, cidrs);
      await deleteAll(client, ipPools);
      await deleteAll(client, hostInterfaces);
      await deleteAll(client, pods);
      await client.close();
      await wire[Symbol.asyncDispose]();
    },
  };
}

async function deleteAll<T extends KubeObject>(client: KubeClient, resource: Resource<T>): Promise<void> {
  const { items } = await client.list(resource);
  for (const { metadata } of items) await client.delete(resource, metadata, { gracePeriodSeconds: 0 });
}
