import { join } from 'node:path';
import { label, systemNamespace } from '../../core/api/names.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { namespaces } from '../../kube/api/resources.ts';
import { Component } from '../cluster/component.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { freePort } from '../cluster/ports.ts';
import { applyManifests, definitionCrd } from '../system/apply.ts';
import { type Backend, Service } from '../system/service.ts';
import { installWebhooks } from '../system/webhookConfigurations.ts';

const root = join(import.meta.dirname, '../..');

export const namespace = 'stormy';

/** A control plane, its webhook configurations as installed, and replicas of the webhook behind one address, with the rights they have. */
export interface CertificateSite extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly client: KubeClient;
  readonly replicas: readonly Component[];
  /** Of the replicas, in their order. */
  readonly backends: readonly Backend[];
  readonly service: Service;
}

/** @param flags of every replica, besides ports and account */
export async function startCertificateSite(name: string, flags: readonly string[]): Promise<CertificateSite> {
  await using parts = new AsyncDisposableStack();
  const cluster = parts.use(await startCluster({ name }));
  await applyManifests(cluster, 'manifests/base/crds', definitionCrd);
  await cluster.kubectl(['create', 'namespace', systemNamespace]);
  await applyManifests(cluster, 'manifests/base/webhook/rbac.yaml');
  const client = parts.use(await KubeClient.connect({ kubeconfig: cluster.kubeconfig }));
  await client.create(namespaces, { metadata: { name: namespace, labels: { [label.injection]: 'enabled' } } });
  const backends: Backend[] = [];
  while (backends.length < 2) backends.push({ port: await freePort(), healthPort: await freePort() });
  const service = parts.use(await Service.start(backends));
  await installWebhooks(client, { port: service.port, caCertificate: '' });
  const kubeconfig = await cluster.kubeconfigFor('system:serviceaccount:multi-nic-system:multi-nic-webhook');
  const replicas = backends.map(({ port, healthPort }, i) => {
    const own = [`--port=${port}`, `--health-port=${healthPort}`, `--kubeconfig=${kubeconfig}`, '--drain-seconds=1'];
    const clock = join(root, 'test/faults/clock.ts');
    return new Component({
      name: `webhook-${i + 1}`,
      argv: [process.execPath, '--import', clock, join(root, 'webhook/main.ts'), ...own, ...flags],
      logFile: join(cluster.logs, `webhook-${i + 1}.log`),
      env: { ...process.env, CLOCK_JUMP_MS: String(tenYearsMs) },
    });
  });
  for (const replica of replicas) {
    replica.start();
    parts.defer(() => replica.stop());
  }
  const whole = parts.move();
  return { cluster, client, replicas, backends, service, [Symbol.asyncDispose]: () => whole.disposeAsync() };
}

/** By how much the clock of every replica jumps at SIGUSR2. */
export const tenYearsMs = 10 * 365 * 24 * 3600 * 1000;
