import { label } from '../../core/api/names.ts';
import type { HostInterface, MultiNicNetworkSpec } from '../../core/api/types.ts';
import { KubeClient } from '../../kube/api/client.ts';
import * as resources from '../../kube/api/resources.ts';
import type { Component } from '../cluster/component.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';
import { applyManifests, definitionCrd } from '../system/apply.ts';
import { webhookConfigurations } from '../system/webhookConfigurations.ts';
import { startWebhookProcess } from '../system/webhookProcess.ts';

/** A control plane with the real scheduler, two webhook processes (one of them leads) and two nodes of different NICs. */
export interface SelectionSite {
  cluster: Cluster;
  client: KubeClient;
}

/** Namespaces by the process that serves them: the API server of a test calls by address, not by Service. */
export const namespacesOf = [['one', 'forbidden'], ['two']] as const;

/** Mbit/s of eth1, eth2, … of each node. The fourth NIC of `big` has its link down; networks have the first eight unless they say so. */
export const speeds = {
  small: [10_000, 25_000],
  big: [10_000, 25_000, 25_000, 40_000, 100_000, 100_000, 200_000, 400_000, 25_000],
} as const;

/** Starts the site before a suite's first test, and ends it after the last. */
export function useSelectionSite(): () => SelectionSite {
  let site: SelectionSite | undefined;
  const processes: Component[] = [];
  before(async function () {
    this.timeout(900_000);
    const names = Object.keys(speeds);
    const cluster = await startCluster({
      name: 'selection',
      fakeNodes: names.map(name => ({ name })),
      scheduler: true,
    });
    const client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig });
    site = { cluster, client };
    await applyManifests(cluster, 'manifests/base/namespace.yaml', 'manifests/base/crds', definitionCrd);
    for (const [number, name] of names.entries()) await client.create(resources.hostInterfaces, hostOf(name, number));
    for (const [i, namespaces] of namespacesOf.entries()) {
      const name = `webhook-${i + 1}`;
      const { webhook, address } = await startWebhookProcess(cluster, cluster.kubeconfig, [], name);
      processes.push(webhook);
      for (const namespace of namespaces) await createNamespace(client, namespace, name);
      for (const configuration of webhookConfigurations(address)) {
        configuration.metadata.name += `-${name}`;
        for (const one of configuration.webhooks ?? []) {
          const { matchLabels = {}, ...rest } = one.namespaceSelector ?? {};
          one.namespaceSelector = { ...rest, matchLabels: { ...matchLabels, 'served-by': name } };
        }
        const resource =
          configuration.kind === 'MutatingWebhookConfiguration'
            ? resources.mutatingWebhookConfigurations
            : resources.validatingWebhookConfigurations;
        await client.create<resources.MutatingWebhookConfiguration | resources.ValidatingWebhookConfiguration>(
          resource,
          configuration,
        );
      }
    }
  });
  after(async function () {
    this.timeout(60_000);
    await Promise.all(processes.map(process => process.stop()));
    await site?.client.close();
    await site?.cluster.stop();
  });
  return () => {
    if (!site) throw new Error('The site starts before the first test');
    return site;
  };
}

function hostOf(name: string, number: number): HostInterface {
  const nics = speeds[name as keyof typeof speeds];
  return {
    apiVersion: 'multinic.fms.io/v1',
    kind: 'HostInterface',
    metadata: { name },
    spec: {
      hostName: name,
      interfaces: nics.map((speedMbps, i) => ({
        interfaceName: `eth${i + 1}`,
        netAddress: `172.20.${i + 1}.0/24`,
        hostIP: `172.20.${i + 1}.${number + 11}`,
        speedMbps,
        numaNode: i < nics.length / 2 ? 0 : 1,
        vendor: '15b3',
        product: i % 2 === 0 ? '101d' : '1017',
        linkState: name === 'big' && i === 3 ? ('down' as const) : ('up' as const),
      })),
    },
  };
}

function createNamespace(client: KubeClient, name: string, servedBy: string): Promise<unknown> {
  const labels = { [label.injection]: 'enabled', 'served-by': servedBy };
  return client.create(resources.namespaces, { metadata: { name, labels } });
}

let networks = 0;

/** Creates a network, and waits until the leader has told the scheduler of it on both nodes. */
export async function createNetwork(
  { client }: SelectionSite,
  name: string,
  spec: Partial<MultiNicNetworkSpec>,
): Promise<void> {
  await client.create(resources.multiNicNetworks, {
    apiVersion: 'multinic.fms.io/v1',
    kind: 'MultiNicNetwork',
    metadata: { name },
    spec: {
      masterNets: [1, 2, 3, 4, 5, 6, 7, 8].map(n => `172.20.${n}.0/24`),
      subnet: `10.${100 + networks++}.0.0/16`,
      ipam: JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 5, interfaceBlock: 3, vlanMode: 'l2' }),
      multiNICIPAM: true,
      plugin: { cniVersion: '1.0.0', type: 'ipvlan', args: { mode: 'l2' } },
      ...spec,
    },
  });
  await eventually(`network ${name} to be ready`, async () => {
    const { status } = await client.get(resources.multiNicNetworks, { name });
    return status?.configStatus === 'Success' && status.conditions?.find(({ type }) => type === 'CapacityPublished');
  });
}
