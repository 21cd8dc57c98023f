import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { createAuthority } from '../../certs/authority.ts';
import { label, systemNamespace } from '../../core/api/names.ts';
import { KubeClient } from '../../kube/client.ts';
import type { Cluster, ClusterNode } from '../cluster/index.ts';
import { Component } from '../cluster/component.ts';
import { prepareMultus, putMultusFirst } from '../multus/onNodes.ts';
import { installWebhooks } from './webhookConfigurations.ts';

const root = join(import.meta.dirname, '../..');
const manifests = ['crds', 'namespace.yaml', 'webhook/rbac.yaml', 'agent/rbac.yaml'];

/** The installed system: its processes can be stopped, killed and started again. They end with the cluster. */
export interface InstalledSystem {
  webhook: Component;
  /** By node name. */
  agents: ReadonlyMap<string, Component>;
}

export interface InstallOptions {
  /** The executable `multus` on this machine: it becomes each node's first CNI plugin. Absent: there is no Multus. */
  multus?: string;
}

/**
 * Installs the system on a cluster with real nodes: schemas, roles and webhook configurations of manifests/base, one webhook (with the
 * controller) on the machine, an agent on each node, and the CNI executable, called by Multus or as the last plugin of each node's
 * primary network. Each process has the rights of its service account and nothing else.
 * @param executable the CNI executable, from buildCni()
 */
export async function installSystem(
  cluster: Cluster,
  executable: string,
  { multus }: InstallOptions = {},
): Promise<InstalledSystem> {
  if (multus !== undefined) await prepareMultus(cluster);
  for (const path of manifests) await cluster.kubectl(['apply', '-f', join(root, 'manifests/base', path)]);
  const webhook = await startWebhook(cluster);
  const agents = new Map<string, Component>();
  for (const node of cluster.nodes) agents.set(node.name, await startAgent(cluster, node, executable));
  for (const node of cluster.nodes) {
    const socket = node.path('/run/multi-nic/cni.sock');
    await agents.get(node.name)?.waitUntil(() => Promise.resolve(exists(socket)), 120_000);
    if (multus === undefined) chain(node);
    else await putMultusFirst(cluster, node, multus);
  }
  return { webhook, agents };
}

/** Opts a namespace in. */
export async function labelNamespace(cluster: Cluster, namespace: string): Promise<void> {
  await cluster.kubectl(['label', '--overwrite', 'namespace', namespace, `${label.injection}=enabled`]);
}

async function startWebhook(cluster: Cluster): Promise<Component> {
  const validity = { now: new Date(), lifetimeMs: 24 * 3600 * 1000 };
  const authority = await createAuthority({ commonName: 'webhook authority' }, validity);
  const leaf = await authority.issue({ ...validity, subject: { commonName: 'webhook' }, serverNames: ['127.0.0.1'] });
  const [cert, key] = ['tls.crt', 'tls.key'].map(name => join(cluster.runFolder, name)) as [string, string];
  writeFileSync(cert, leaf.certificate);
  writeFileSync(key, leaf.privateKey, { mode: 0o600 });
  const [port, healthPort] = await Promise.all([freePort(), freePort()]);
  const webhook = new Component({
    name: 'webhook',
    argv: [
      process.execPath,
      join(root, 'webhook/main.ts'),
      `--port=${port}`,
      `--health-port=${healthPort}`,
      `--cert=${cert}`,
      `--key=${key}`,
      `--kubeconfig=${await accountKubeconfig(cluster, 'multi-nic-webhook')}`,
    ],
    logFile: join(cluster.logs, 'webhook.log'),
  });
  webhook.start();
  await webhook.waitUntil(() => isReady(healthPort), 30_000);
  const client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig });
  try {
    await installWebhooks(client, { port, caCertificate: authority.certificate });
  } finally {
    await client.close();
  }
  return webhook;
}

async function startAgent(cluster: Cluster, node: ClusterNode, executable: string): Promise<Component> {
  const agent = node.component('agent', [
    process.execPath,
    join(root, 'agent/main.ts'),
    `--node-name=${node.name}`,
    `--kubeconfig=${await accountKubeconfig(cluster, 'multi-nic-agent')}`,
    '--cni-bin-dir=/opt/cni/bin',
    `--executable=${executable}`,
  ]);
  agent.start();
  return agent;
}

/** Makes our executable the last plugin of the node's primary network. */
function chain(node: ClusterNode): void {
  const file = node.path('/etc/cni/net.d/10-primary.conflist');
  const list = JSON.parse(readFileSync(file, 'utf8')) as { plugins: { type: string }[] };
  if (list.plugins.some(({ type }) => type === 'multi-nic')) return;
  const plugins = [...list.plugins, { type: 'multi-nic', mode: 'chained' }];
  writeFileSync(file, `${JSON.stringify({ ...list, plugins }, null, 2)}\n`);
}

function accountKubeconfig(cluster: Cluster, account: string): Promise<string> {
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${systemNamespace}`];
  return cluster.kubeconfigFor(`system:serviceaccount:${systemNamespace}:${account}`, groups);
}

async function isReady(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
  } catch {
    return false; // not listening yet
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

function exists(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENXIO'; // a socket cannot be read, but it is there
  }
}
