import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Pool } from 'undici';
import { extendedResourceName, label, systemNamespace } from '../../core/api/names.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { hostInterfaces, multiNicNetworks, namespaces, nodes } from '../../kube/api/resources.ts';
import type { Component } from '../cluster/component.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { host, network } from '../controller/support.ts';
import { eventually } from '../eventually.ts';
import { applyManifests, definitionCrd } from '../system/apply.ts';
import { installWebhooks } from '../system/webhookConfigurations.ts';
import { startWebhookProcess } from '../system/webhookProcess.ts';

export const namespace = 'fuzzed';
export const nodeNames = ['fake-1', 'fake-2', 'fake-3'];

/** A quarter of what Node takes for its heap of what manifests/base/webhook/deployment.yaml gives, MiB. */
const heapMiB = 256;

/** Longer than the API server would wait for any review, ms. */
const hangMs = 60_000;

export interface Answer {
  status: number;
  body: string;
}

/** A webhook program of little memory, with networks and nodes to decide about, before a real API server. */
export interface FuzzSite extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly client: KubeClient;
  readonly webhook: Component;
  /** Where what broke it is kept. */
  readonly folder: string;
  /** What its log says of reviews that failed, each once. */
  stacks(): string[];
  /** @throws where the connection breaks, or nothing is answered */
  post(path: string, body: string | Buffer): Promise<Answer>;
  /** What its heap holds, in MiB. */
  heapMiB(): Promise<number>;
}

export async function startFuzzSite(): Promise<FuzzSite> {
  await using parts = new AsyncDisposableStack();
  const cluster = parts.use(await startCluster({ name: 'fuzz', fakeNodes: nodeNames.map(name => ({ name })) }));
  await applyManifests(cluster, 'manifests/base/crds', definitionCrd);
  await cluster.kubectl(['create', 'namespace', systemNamespace]);
  await applyManifests(cluster, 'manifests/base/webhook/rbac.yaml');
  const client = parts.use(await KubeClient.connect({ kubeconfig: cluster.kubeconfig }));
  for (const [i, name] of nodeNames.entries()) await client.create(hostInterfaces, host(name, i));
  const account = await cluster.kubeconfigFor(`system:serviceaccount:${systemNamespace}:multi-nic-webhook`);
  const nodeFlags = [
    `--max-old-space-size=${heapMiB}`,
    '--expose-gc',
    `--import=${join(import.meta.dirname, 'heap.ts')}`,
  ];
  const { webhook, address } = await startWebhookProcess(cluster, account, ['--drain-seconds=0'], 'webhook', nodeFlags);
  parts.defer(() => webhook.stop());
  await installWebhooks(client, address);
  await client.create(namespaces, { metadata: { name: namespace, labels: { [label.injection]: 'enabled' } } });
  await client.create(multiNicNetworks, network('train', { subnet: '10.200.0.0/16' }));
  await client.create(multiNicNetworks, network('flat', { subnet: '10.201.0.0/18' }, { hostBlock: 0 }));
  await eventually('both networks on every node', async () => {
    const { items } = await client.list(nodes);
    return items.every(({ status }) =>
      ['train', 'flat'].every(name => status?.capacity?.[extendedResourceName(name)] !== undefined),
    );
  });
  const pool = new Pool(`https://127.0.0.1:${address.port}`, {
    connections: 32,
    connect: { ca: address.caCertificate },
    headersTimeout: hangMs,
    bodyTimeout: hangMs,
  });
  parts.defer(() => pool.close());
  const whole = parts.move();
  return {
    cluster,
    client,
    webhook,
    folder: cluster.logs,
    stacks: () => {
      const failed = linesOf(webhook, '"a review failed"');
      return [...new Set(failed.map(line => (JSON.parse(line) as { err: { stack: string } }).err.stack))];
    },
    async post(path, body) {
      const { statusCode: status, body: answer } = await pool.request({
        path: `${path}?timeout=10s`,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      return { status, body: await answer.text() };
    },
    heapMiB: async () => {
      const said = (): number[] =>
        linesOf(webhook, '"msg":"heap"').map(line => (JSON.parse(line) as { bytes: number }).bytes);
      const before = said().length;
      process.kill(webhook.pid, 'SIGUSR2');
      return (await eventually('what the heap holds', () => said()[before])) / 2 ** 20;
    },
    [Symbol.asyncDispose]: () => whole.disposeAsync(),
  };
}

function linesOf(webhook: Component, part: string): string[] {
  return readFileSync(webhook.logFile, 'utf8')
    .split('\n')
    .filter(line => line.includes(part));
}
