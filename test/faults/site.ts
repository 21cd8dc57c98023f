import { extendedResourceName, label, systemNamespace } from '../../core/api/names.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { hostInterfaces, multiNicNetworks, namespaces, nodes } from '../../kube/api/resources.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { host, network } from '../controller/support.ts';
import { eventually } from '../eventually.ts';
import { applyManifests, definitionCrd } from '../system/apply.ts';
import { installWebhooks } from '../system/webhookConfigurations.ts';
import { startReleasers } from './releasers.ts';
import { type Replicas, startReplicas } from './replicas.ts';
import { requestTimeoutS } from './times.ts';

export const nodeNames = ['fake-1', 'fake-2', 'fake-3', 'fake-4'];
export const namespace = 'faults';

/** A control plane with Node objects, three webhooks, and of each node's agent what gives addresses back. */
export interface FaultSite extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly client: KubeClient;
  readonly replicas: Replicas;
}

/**
 * Pods of the namespace `faults` get two networks: one with a block for each node, and one whose addresses do not depend on it.
 * @param apiServerArgs more of them
 */
export async function startFaultSite(apiServerArgs: readonly string[] = []): Promise<FaultSite> {
  await using parts = new AsyncDisposableStack();
  const cluster = parts.use(
    await startCluster({
      name: 'faults',
      fakeNodes: nodeNames.map(name => ({ name })),
      apiServerArgs: [`--request-timeout=${requestTimeoutS}s`, ...apiServerArgs],
    }),
  );
  await applyManifests(cluster, 'manifests/base/crds', definitionCrd);
  await cluster.kubectl(['create', 'namespace', systemNamespace]);
  await applyManifests(cluster, 'manifests/base/webhook/rbac.yaml');
  const client = parts.use(await KubeClient.connect({ kubeconfig: cluster.kubeconfig, maxConnections: 64 }));
  for (const [i, name] of nodeNames.entries()) await client.create(hostInterfaces, host(name, i));
  const replicas = parts.use(await startReplicas(cluster));
  await installWebhooks(client, { port: replicas.service.port, caCertificate: replicas.caCertificate });
  const here = { namespaces: [namespace] };
  await client.create(multiNicNetworks, network('blocks', { subnet: '10.192.0.0/12', ...here }));
  await client.create(multiNicNetworks, network('pages', { subnet: '10.208.0.0/12', ...here }, { hostBlock: 0 }));
  await client.create(namespaces, { metadata: { name: namespace, labels: { [label.injection]: 'enabled' } } });
  await eventually('both networks on every node', async () => {
    const { items } = await client.list(nodes);
    return items.every(({ status }) =>
      ['blocks', 'pages'].every(name => status?.capacity?.[extendedResourceName(name)] !== undefined),
    );
  });
  parts.use(await startReleasers(cluster, nodeNames));
  const whole = parts.move();
  return { cluster, client, replicas, [Symbol.asyncDispose]: () => whole.disposeAsync() };
}
