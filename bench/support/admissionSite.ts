import { join } from 'node:path';
import { annotation, apiVersion, extendedResourceName, label, systemNamespace } from '../../core/api/names.ts';
import type { IPPool, MultiNicNetwork } from '../../core/api/types.ts';
import { parseRecord, stateOf } from '../../core/pool/record.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { ApiError } from '../../kube/api/errors.ts';
import { hostInterfaces, ipPools, multiNicNetworks, namespaces, type Pod, pods } from '../../kube/api/resources.ts';
import { bindPod } from '../../test/bindPod.ts';
import { type Cluster, startCluster } from '../../test/cluster/index.ts';
import { eventually } from '../../test/eventually.ts';
import { applyManifests, definitionCrd } from '../../test/system/apply.ts';
import { startAdmissionProcess, startWebhookProcess } from '../../test/system/webhookProcess.ts';
import { hostName, largeCluster } from './largeCluster.ts';
import { startWebhookReplicas, type WebhookReplicas } from './webhookReplicas.ts';

const noopProgram = join(import.meta.dirname, 'noopWebhook.ts');
const nics = 8;
const attempts = 5;

/** A network of the benchmark, and the namespace whose pods get it. */
export interface AdmissionCase {
  readonly name: string;
  readonly subnet: string;
  readonly hostBlock: number;
  readonly vlanMode: 'l2' | 'l3';
  /** Of each pod; all of the host's where absent. */
  readonly nics?: 1;
  readonly excludeCIDRs?: readonly string[];
}

export interface AdmissionSiteOptions {
  /** Node objects. */
  readonly nodes: number;
  /** Webhooks, each with the controller; the API server's connections are spread over them. */
  readonly replicas: number;
  readonly cases: readonly AdmissionCase[];
}

/** What admission made of a pod. */
export interface Outcome {
  /** Value of the label that says that its networks are decided. */
  readonly injected: string | undefined;
  readonly addresses: number;
}

export const admissionCases: readonly AdmissionCase[] = [
  { name: 'host-blocks', subnet: '10.0.0.0/8', hostBlock: 8, vlanMode: 'l3' },
  { name: 'node-independent', subnet: '11.0.0.0/8', hostBlock: 0, vlanMode: 'l2' },
];

/**
 * A control plane with Node objects of 8 NICs each, the networks, and webhooks as processes of their own: ours (with the controller), and
 * as many that decide nothing.
 */
export class AdmissionSite implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly client: KubeClient;
  readonly ours: WebhookReplicas;
  /** Webhooks that decide nothing. */
  readonly noop: WebhookReplicas;
  readonly #nodes: number;
  /** Requests that were tried again. */
  repeated = 0;
  #created = 0;

  private constructor(parts: Pick<AdmissionSite, 'cluster' | 'client' | 'ours' | 'noop'>, nodes: number) {
    this.cluster = parts.cluster;
    this.client = parts.client;
    this.ours = parts.ours;
    this.noop = parts.noop;
    this.#nodes = nodes;
  }

  static async start({ nodes, replicas, cases }: AdmissionSiteOptions): Promise<AdmissionSite> {
    const names = Array.from({ length: nodes }, (_, i) => ({ name: hostName(i) }));
    const cluster = await startCluster({ name: 'admission', fakeNodes: names });
    const manifests = ['crds', 'namespace.yaml', 'webhook/rbac.yaml'].map(path => `manifests/base/${path}`);
    await applyManifests(cluster, ...manifests, definitionCrd);
    const client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig, maxConnections: 64 });
    for (const host of largeCluster(nodes, nics).hosts) await client.create(hostInterfaces, host);
    const kubeconfig = await cluster.tokenKubeconfigFor({ namespace: systemNamespace, name: 'multi-nic-webhook' });
    const ours = await startWebhookReplicas(replicas, i =>
      startWebhookProcess(cluster, kubeconfig, ['--drain-seconds=0'], `webhook-${i}`),
    );
    const noop = await startWebhookReplicas(replicas, i => startAdmissionProcess(cluster, [noopProgram], `noop-${i}`));
    const site = new AdmissionSite({ cluster, client, ours, noop }, nodes);
    for (const network of cases) await site.#addNetwork(network);
    return site;
  }

  /** Creates a pod and returns its name. Like a controller, retries if a review took too long. */
  async createPod({ name: namespace }: AdmissionCase): Promise<string> {
    // Of thousands of generated names some would collide, which the API server (1.20) does not resolve.
    const pod = podOf(namespace, `worker-${++this.#created}-`);
    const { metadata } = await this.#again(() => this.client.create(pods, pod));
    return metadata.name;
  }

  /** Binds a pod as the scheduler does; pods go to the nodes in turn. Like it, retries if a review took too long. */
  async bind({ name: namespace }: AdmissionCase, name: string, turn: number): Promise<void> {
    await this.#again(() => this.#bindOnce(namespace, name, turn));
  }

  async #again<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof ApiError) || error.status < 500 || attempt === attempts) throw error;
        this.repeated += 1;
      }
    }
  }

  async #bindOnce(namespace: string, name: string, turn: number): Promise<void> {
    await bindPod(this.client, { namespace, name }, hostName(turn % this.#nodes));
  }

  /** What admission gave the bound pod: its label, and how many addresses. */
  async outcomeOf({ name: namespace }: AdmissionCase, name: string): Promise<Outcome> {
    const { labels, annotations } = (await this.client.get(pods, { namespace, name })).metadata;
    const addresses = annotations?.[annotation.networks]?.match(/\d+\.\d+\.\d+\.\d+\/\d+"\]/g)?.length ?? 0;
    return { injected: labels?.[label.injected], addresses };
  }

  /** Deletes pods without a grace period, with the given number of requests at a time. */
  async deletePods({ name: namespace }: AdmissionCase, names: readonly string[], clients = 16): Promise<void> {
    const queue = names.values();
    const worker = async (): Promise<void> => {
      for (const name of queue) await this.client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0 });
    };
    await Promise.all(Array.from({ length: clients }, worker));
  }

  /** The same, and returns when their addresses are free: in the nodes' pools, where no agent is here to release them, and in pages. */
  async clear(network: AdmissionCase, names: readonly string[]): Promise<void> {
    await this.deletePods(network, names);
    const gone = new Set(names);
    const isTheirs = (text: string): boolean => gone.has(parseRecord(text)?.name ?? '') && stateOf(text) !== 'Released';
    const held = async (): Promise<IPPool[]> => {
      const { items } = await this.client.list(ipPools, { labelSelector: `${label.network}=${network.name}` });
      return items.filter(({ status }) => status?.allocations?.some(isTheirs));
    };
    for (const pool of await held()) {
      if (pool.spec.hostName === undefined || !pool.status?.allocations) continue;
      const allocations = pool.status.allocations.filter(text => !isTheirs(text));
      await this.client.updateStatus(ipPools, { ...pool, status: { ...pool.status, allocations } });
    }
    // Addresses of pods that ended before the leader watched them wait for a grace period.
    await eventually('addresses free again', async () => (await held()).length === 0, 240_000);
  }

  async #addNetwork({ name, subnet, hostBlock, vlanMode, nics, excludeCIDRs }: AdmissionCase): Promise<void> {
    const interfaceBlock = nics === 1 ? 0 : 3;
    const ipam = { type: 'multi-nic-ipam', hostBlock, interfaceBlock, vlanMode, ...(excludeCIDRs && { excludeCIDRs }) };
    const network: MultiNicNetwork = {
      apiVersion,
      kind: 'MultiNicNetwork',
      metadata: { name },
      spec: {
        subnet,
        ipam: JSON.stringify(ipam),
        ...(nics === 1 && { masterNets: ['172.16.0.0/16'] }),
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
    await this.ours[Symbol.asyncDispose]();
    await this.noop[Symbol.asyncDispose]();
    await this.client.close();
    await this.cluster.stop();
  }
}

export function podOf(namespace: string, generateName = 'worker-'): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, generateName },
    spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: 'pause' }] },
  } as unknown as Pod;
}
