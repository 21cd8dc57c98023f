import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { Registry } from 'prom-client';
import { createAuthority } from '../../certs/authority.ts';
import { keyPairFiles } from '../../certs/reload.ts';
import { readAttachments } from '../../core/annotation/attachments.ts';
import { type NetworkSelection, parseNetworks } from '../../core/annotation/networks.ts';
import { annotation, apiVersion, label } from '../../core/api/names.ts';
import type { AllocatedNic, HostInterface, IPPool } from '../../core/api/types.ts';
import { readPool } from '../../core/pool/content.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { ApiError } from '../../kube/api/errors.ts';
import * as resources from '../../kube/api/resources.ts';
import { runAll } from '../../kube/process/lifecycle.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import { createWebhook } from '../../webhook/webhook.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';
import { applyManifests, definitionCrd } from '../system/apply.ts';
import { installWebhooks } from '../system/webhookConfigurations.ts';

/** A control plane with the real scheduler, Node objects, the schemas, and the webhook in this process. */
export interface WebhookCluster {
  cluster: Cluster;
  client: KubeClient;
  webhook: RunningWebhook;
}

export const nodeNames = ['fake-1', 'fake-2', 'fake-3'];

let started: Promise<WebhookCluster> | undefined;

/** The webhook of the cluster that a suite has started. */
export async function startedWebhook(): Promise<RunningWebhook | undefined> {
  return (await started)?.webhook;
}

/** Starts the cluster before a suite's first test; one for all suites of this folder. */
export function useWebhookCluster(): () => WebhookCluster {
  let running: WebhookCluster | undefined;
  before(async function () {
    this.timeout(900_000);
    running = await (started ??= start());
  });
  return () => {
    if (!running) throw new Error('The cluster starts before the first test');
    return running;
  };
}

/** What the webhook itself says of a failure. */
afterEach(async function () {
  if (this.currentTest?.state !== 'failed') return;
  const running = await started;
  const lines = running?.webhook.lines ?? [];
  const telling = lines.filter(({ level, result }) => Number(level) >= 50 || result === 'denied');
  for (const line of telling.slice(-3)) console.error(JSON.stringify(line));
});

after(async function () {
  this.timeout(60_000);
  const running = await started?.catch(() => undefined);
  await running?.webhook.stop();
  await running?.client.close();
  await running?.cluster.stop();
});

async function start(): Promise<WebhookCluster> {
  const cluster = await startCluster({
    name: 'webhook',
    fakeNodes: nodeNames.map(name => ({ name })),
    scheduler: true,
  });
  const client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig });
  try {
    await installResources(cluster);
    await createHosts(client);
    const webhook = await startWebhook(cluster);
    await installWebhooks(client, webhook);
    await eventually('the API server to ask the webhook', () => isAsked(client));
    return { cluster, client, webhook };
  } catch (error) {
    await client.close();
    await cluster.stop();
    throw error;
  }
}

/** Whether a network is refused that the schema allows. The API server takes a moment to learn of webhooks, and asks none until then. */
async function isAsked(client: KubeClient): Promise<boolean> {
  const plugin = { cniVersion: '1.0.0', type: 'macvlan', args: { mtu: 'big' } };
  const spec = { subnet: '10.0.0.0/8', ipam: '', multiNICIPAM: false, plugin };
  const network = { apiVersion, kind: 'MultiNicNetwork', metadata: { name: 'illegal' }, spec };
  return client.create(resources.multiNicNetworks, network, { dryRun: true }).then(
    () => false,
    (error: unknown) => error instanceof ApiError && error.message.includes('MNN_PLUGIN_INVALID'),
  );
}

export interface RunningWebhook {
  port: number;
  caCertificate: string;
  /** Lines of its log, parsed. */
  lines: Record<string, unknown>[];
  view: ClusterView;
  stop(): Promise<void>;
}

/** A new authority's certificate for 127.0.0.1, in a folder of its own that the caller removes. */
export async function servingCertificate() {
  const folder = mkdtempSync(join(tmpdir(), 'multi-nic-webhook-'));
  const validity = { now: new Date(), lifetimeMs: 3_600_000 };
  const authority = await createAuthority({ commonName: 'test webhook CA' }, validity);
  const leaf = await authority.issue({ ...validity, subject: { commonName: 'webhook' }, serverNames: ['127.0.0.1'] });
  const certificate = { cert: join(folder, 'tls.crt'), key: join(folder, 'tls.key') };
  writeFileSync(certificate.cert, leaf.certificate);
  writeFileSync(certificate.key, leaf.privateKey);
  return { folder, certificate, caCertificate: authority.certificate };
}

/** Runs the webhook in this process, with a certificate of its own. */
async function startWebhook(cluster: Cluster): Promise<RunningWebhook> {
  const { folder, certificate, caCertificate } = await servingCertificate();
  const lines: Record<string, unknown>[] = [];
  const logger = pino(
    { level: 'info' },
    { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig, userAgent: 'webhook under test' });
  const webhook = createWebhook({
    client,
    logger,
    registry: new Registry(),
    port: 0,
    host: '127.0.0.1',
    certificate: keyPairFiles(certificate),
    drainMs: 0,
    systemUsers: new Set(['system:serviceaccount:multi-nic-system:multi-nic-agent']),
  });
  const controller = new AbortController();
  const ended = runAll(controller.signal, webhook.runnables, { logger });
  await Promise.race([webhook.server.untilListening(), ended]);
  return {
    port: webhook.server.port,
    caCertificate,
    lines,
    view: webhook.view,
    stop: async () => {
      controller.abort();
      await ended;
      await client.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The schemas, and those of Multus. */
export async function installResources(cluster: Cluster): Promise<void> {
  await applyManifests(cluster, 'manifests/base/crds', definitionCrd);
}

/** What the agents would have made: a host of two NICs for each node. */
export async function createHosts(client: KubeClient): Promise<void> {
  for (const [i, name] of nodeNames.entries()) {
    await client.create(resources.hostInterfaces, {
      apiVersion: 'multinic.fms.io/v1',
      kind: 'HostInterface',
      metadata: { name },
      spec: {
        hostName: name,
        interfaces: ['eth1', 'eth2'].map((interfaceName, n) => ({
          interfaceName,
          netAddress: `172.20.${n + 1}.0/24`,
          hostIP: `172.20.${n + 1}.${i + 11}`,
          linkState: 'up' as const,
        })),
      },
    } satisfies HostInterface);
  }
}

/** A namespace that is opted in, unless told otherwise. */
export async function createNamespace(
  client: KubeClient,
  name: string,
  labels: Record<string, string> = { [label.injection]: 'enabled' },
): Promise<void> {
  await client.create(resources.namespaces, { metadata: { name, labels } });
}

type PodOverrides = Partial<resources.Pod['metadata']> & { spec?: object };

/** A pod as users write it. */
export function podOf({ spec, ...metadata }: PodOverrides): resources.Pod {
  const named = metadata.generateName === undefined ? { name: 'pod' } : {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'default', ...named, ...metadata },
    spec: {
      terminationGracePeriodSeconds: 0,
      tolerations: [{ operator: 'Exists' }],
      containers: [{ name: 'main', image: 'pause' }],
      ...spec,
    },
  } as unknown as resources.Pod;
}

/** The networks that a pod selects. */
export function elementsOf(pod: resources.Pod): NetworkSelection[] {
  return parseNetworks(pod.metadata.annotations?.[annotation.networks] ?? '');
}

/** The attachments of a pod's n-th network. */
export function attachmentsOf(pod: resources.Pod, n = 0): AllocatedNic[] | undefined {
  return readAttachments(elementsOf(pod)[n]?.['cni-args']);
}

/** All addresses in a pod's attachments. */
export function addressesOf(pod: resources.Pod): string[] {
  return elementsOf(pod).flatMap((_, n) => (attachmentsOf(pod, n) ?? []).flatMap(({ addresses }) => addresses));
}

/** The error that the API server answers, where it refuses. */
export async function refusal(answer: Promise<unknown>): Promise<ApiError> {
  const result = await answer.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (result instanceof ApiError) return result;
  throw new Error('The request was to be refused', { cause: result });
}

/** The pod once the scheduler has bound it. */
export async function bound(client: KubeClient, ref: { namespace: string; name: string }): Promise<resources.Pod> {
  return eventually(`${ref.namespace}/${ref.name} to be bound`, async () => {
    const pod = await client.get(resources.pods, ref);
    return pod.spec?.nodeName ? pod : undefined;
  });
}

/** All live records of a network's pools. */
export async function recordsOf(client: KubeClient, network: string) {
  const { items } = await client.list<IPPool>(resources.ipPools, { labelSelector: `${label.network}=${network}` });
  return items.flatMap(pool => {
    const live = readPool(pool).allocations.filter(a => a.state !== 'Released');
    return live.map(record => ({ pool: pool.metadata.name, ...record }));
  });
}
