import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { label, systemNamespace } from '../../core/api/names.ts';
import { chainedFile } from '../../core/cni/chainedList.ts';
import { KubeClient } from '../../kube/api/client.ts';
import type { Component } from '../cluster/component.ts';
import type { Cluster, ClusterNode } from '../cluster/index.ts';
import { prepareMultus, putMultusFirst } from '../multus/onNodes.ts';
import { applyManifests } from './apply.ts';
import { installWebhooks } from './webhookConfigurations.ts';
import { startWebhookProcess } from './webhookProcess.ts';

const root = join(import.meta.dirname, '../..');
const manifests = ['crds', 'namespace.yaml', 'webhook/rbac.yaml', 'agent/rbac.yaml'].map(
  path => `manifests/base/${path}`,
);

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
  await applyManifests(cluster, ...manifests);
  const webhook = await startWebhook(cluster);
  const agents = new Map<string, Component>();
  for (const node of cluster.nodes)
    agents.set(node.name, await startAgent(cluster, node, executable, multus === undefined));
  for (const node of cluster.nodes) {
    const lastMade = node.path(multus === undefined ? `/etc/cni/net.d/${chainedFile}` : '/run/multi-nic/cni.sock');
    await agents.get(node.name)?.waitUntil(() => Promise.resolve(existsSync(lastMade)), 120_000);
    if (multus !== undefined) await putMultusFirst(cluster, node, multus);
  }
  return { webhook, agents };
}

/** Opts a namespace in. */
export async function labelNamespace(cluster: Cluster, namespace: string): Promise<void> {
  await cluster.kubectl(['label', '--overwrite', 'namespace', namespace, `${label.injection}=enabled`]);
}

async function startWebhook(cluster: Cluster): Promise<Component> {
  const { webhook, address } = await startWebhookProcess(
    cluster,
    await accountKubeconfig(cluster, 'multi-nic-webhook'),
  );
  const client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig });
  try {
    await installWebhooks(client, address);
  } finally {
    await client.close();
  }
  return webhook;
}

async function startAgent(
  cluster: Cluster,
  node: ClusterNode,
  executable: string,
  chained: boolean,
): Promise<Component> {
  const agent = node.component('agent', [
    process.execPath,
    join(root, 'agent/main.ts'),
    `--node-name=${node.name}`,
    `--kubeconfig=${await accountKubeconfig(cluster, 'multi-nic-agent')}`,
    '--cni-bin-dir=/opt/cni/bin',
    `--executable=${executable}`,
    ...(chained ? ['--chain=/etc/cni/net.d'] : []),
  ]);
  agent.start();
  return agent;
}

function accountKubeconfig(cluster: Cluster, account: string): Promise<string> {
  const groups = ['system:serviceaccounts', `system:serviceaccounts:${systemNamespace}`];
  return cluster.kubeconfigFor(`system:serviceaccount:${systemNamespace}:${account}`, groups);
}
