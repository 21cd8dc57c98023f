import { annotation, apiVersion, extendedResourceName, label } from '../../core/api/names.ts';
import type { MultiNicNetwork } from '../../core/api/types.ts';
import { KubeClient } from '../../kube/client.ts';
import { ApiError } from '../../kube/errors.ts';
import { hostInterfaces, ipPools, multiNicNetworks, namespaces, pods, type Pod } from '../../kube/resources.ts';
import { eventually } from '../../test/agent/programs.ts';
import { startCluster, type Cluster } from '../../test/cluster/index.ts';
import type { Component } from '../../test/cluster/component.ts';
import type { WebhookAddress } from '../../test/system/webhookConfigurations.ts';
import { startWebhookProcess } from '../../test/system/webhookProcess.ts';
import { hostName, largeCluster } from './largeCluster.ts';
import { applyManifests, definitionCrd } from '../../test/system/apply.ts';

const nodes = 50;
const nics = 8;
const bindAttempts = 5;

/** A network of the benchmark, and the namespace whose pods get it. */
export interface AdmissionCase {
  readonly name: string;
  readonly subnet: string;
  readonly hostBlock: number;
  readonly vlanMode: 'l2' | 'l3';
}

export const admissionCases: readonly AdmissionCase[] = [
  { name: 'host-blocks', subnet: '10.0.0.0/8', hostBlock: 6, vlanMode: 'l3' },
  { name: 'node-independent', subnet: '11.0.0.0/8', hostBlock: 0, vlanMode: 'l2' },
];

/** A control plane with Node objects of 8 NICs each, two networks, and the webhook (with the controller) as a process of its own. */
export class AdmissionSite implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly client: KubeClient;
  readonly webhook: Component;
  readonly address: WebhookAddress;
  bindsRepeated = 0;

  private constructor(parts: Pick<AdmissionSite, 'cluster' | 'client' | 'webhook' | 'address'>) {
    this.cluster = parts.cluster;
    this.client = parts.client;
    this.webhook = parts.webhook;
    this.address = parts.address;
  }

  static async start(): Promise<AdmissionSite> {
    const names = Array.from({ length: nodes }, (_, i) => ({ name: hostName(i) }));
    const cluster = await startCluster({ name: 'admission', fakeNodes: names });
    const manifests = ['crds', 'namespace.yaml', 'webhook/rbac.yaml'].map(path => `manifests/base/${path}`);
    await applyManifests(cluster, ...manifests, definitionCrd);
    const client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig, maxConnections: 64 });
    for (const host of largeCluster(nodes, nics).hosts) await client.create(hostInterfaces, host);
    const kubeconfig = await cluster.kubeconfigFor('system:serviceaccount:multi-nic-system:multi-nic-webhook');
    const { webhook, address } = await startWebhookProcess(cluster, kubeconfig, ['--drain-seconds=0']);
    const site = new AdmissionSite({ cluster, client, webhook, address });
    for (const network of admissionCases) await site.#addNetwork(network);
    return site;
  }

  /** Creates a pod and tells its name. */
  async createPod({ name: namespace }: AdmissionCase): Promise<string> {
    const pod = await this.client.create(pods, podOf(namespace));
    return pod.metadata.name;
  }

  /** Binds a pod as the scheduler does; pods go to the nodes in turn. Like it, tries again where a review took too long. */
  async bind({ name: namespace }: AdmissionCase, name: string, turn: number): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#bindOnce(namespace, name, turn);
        return;
      } catch (error) {
        if (!(error instanceof ApiError) || error.status < 500 || attempt === bindAttempts) throw error;
        this.bindsRepeated += 1;
      }
    }
  }

  async #bindOnce(namespace: string, name: string, turn: number): Promise<void> {
    const target = { apiVersion: 'v1', kind: 'Node', name: hostName(turn % nodes) };
    await this.client.createSubresource(pods, { namespace, name }, 'binding', {
      ...{ apiVersion: 'v1', kind: 'Binding', metadata: { name }, target },
    });
  }

  /** How many addresses the bound pod has. */
  async addressesOf({ name: namespace }: AdmissionCase, name: string): Promise<number> {
    const pod = await this.client.get(pods, { namespace, name });
    return pod.metadata.annotations?.[annotation.networks]?.match(/\d+\.\d+\.\d+\.\d+\/\d+"\]/g)?.length ?? 0;
  }

  /** Takes all pods away, and their records out of the pools: no agent is here to release them. */
  async clear({ name: namespace }: AdmissionCase, names: readonly string[]): Promise<void> {
    const queue = names.values();
    const worker = async (): Promise<void> => {
      for (const name of queue) await this.client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0 });
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    const { items } = await this.client.list(ipPools);
    for (const pool of items) await this.client.updateStatus(ipPools, { ...pool, status: { allocations: [] } });
  }

  async #addNetwork({ name, subnet, hostBlock, vlanMode }: AdmissionCase): Promise<void> {
    const network: MultiNicNetwork = {
      apiVersion,
      kind: 'MultiNicNetwork',
      metadata: { name },
      spec: {
        subnet,
        ipam: JSON.stringify({ type: 'multi-nic-ipam', hostBlock, interfaceBlock: 3, vlanMode }),
        multiNICIPAM: true,
        plugin: { cniVersion: '1.0.0', type: 'ipvlan', args: { mode: vlanMode } },
        namespaces: [name],
      },
    };
    await this.client.create(multiNicNetworks, network);
    const labels = { [label.injection]: 'enabled' };
    await this.client.create(namespaces, { metadata: { name, labels } });
    const resource = extendedResourceName(name);
    await eventually(`network ${name} on every node`, async () => {
      const { stdout } = await this.cluster.kubectl(['get', 'nodes', '-o', 'json']);
      const { items } = JSON.parse(stdout) as { items: { status?: { capacity?: Record<string, string> } }[] };
      return items.every(({ status }) => status?.capacity?.[resource] !== undefined);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.webhook.stop();
    await this.client.close();
    await this.cluster.stop();
  }
}

export function podOf(namespace: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, generateName: 'worker-' },
    spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: 'pause' }] },
  } as unknown as Pod;
}
