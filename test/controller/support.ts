import { apiVersion, label } from '../../core/api/names.ts';
import type {
  Allocation,
  HostInterface,
  IPPool,
  IPPoolSpec,
  MultiNicNetwork,
  MultiNicNetworkSpec,
} from '../../core/api/types.ts';
import { hostIndexes } from '../../core/layout/hostIndex.ts';
import { emptyPool, formatPool } from '../../core/pool/content.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import {
  cidrs,
  events,
  ipPools,
  multiNicNetworks,
  namespaces,
  networkAttachmentDefinitions,
  nodes,
} from '../../kube/api/resources.ts';

const subnets = ['172.20.1.0/24', '172.20.2.0/24'];

/** A host with one NIC in each of 172.20.1.0/24 and 172.20.2.0/24. */
export function host(name: string, number: number, options: { down?: boolean } = {}): HostInterface {
  return {
    apiVersion,
    kind: 'HostInterface',
    metadata: { name },
    spec: {
      hostName: name,
      interfaces: subnets.map((netAddress, i) => ({
        interfaceName: `eth${i + 1}`,
        netAddress,
        hostIP: `172.20.${i + 1}.${(number % 250) + 1}`,
        linkState: options.down ? ('down' as const) : ('up' as const),
      })),
    },
  };
}

/** An L2 network of both subnets: 4 interfaces, 128 hosts, 64 addresses a block. */
export function network(name: string, spec: Partial<MultiNicNetworkSpec> = {}, ipam: object = {}): MultiNicNetwork {
  return {
    apiVersion,
    kind: 'MultiNicNetwork',
    metadata: { name },
    spec: {
      subnet: '10.200.0.0/16',
      masterNets: subnets,
      ipam: JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 8, interfaceBlock: 2, vlanMode: 'l2', ...ipam }),
      multiNICIPAM: true,
      plugin: { cniVersion: '0.3.1', type: 'ipvlan', args: { mode: 'l2' } },
      ...spec,
    },
  };
}

/** A pod as admission leaves it. */
export function podNamed(name: string, annotations: Record<string, string>, nodeName?: string) {
  return {
    metadata: { name, namespace: 'default', labels: { [label.injected]: 'true' }, annotations },
    spec: {
      containers: [{ name: 'main', image: 'none' }],
      automountServiceAccountToken: false,
      ...(nodeName && { nodeName }),
    },
  };
}

/** A pool as its writers would leave it. */
export async function createPoolWith(
  client: KubeClient,
  name: string,
  spec: IPPoolSpec,
  allocations: Allocation[],
): Promise<void> {
  const pool = await client.create(ipPools, { apiVersion, kind: 'IPPool', metadata: { name }, spec });
  await client.updateStatus(ipPools, { ...pool, status: formatPool({ ...emptyPool, allocations }) });
}

/** The same of a pool that somebody has edited, and made a mistake in. @returns its lines */
export async function createSpoiltPool(
  client: KubeClient,
  name: string,
  spec: IPPoolSpec,
  allocations: Allocation[],
  mistake = 'Alocated default/mistyped net1',
): Promise<string[]> {
  const pool = await client.create(ipPools, { apiVersion, kind: 'IPPool', metadata: { name }, spec });
  const content = formatPool({ ...emptyPool, allocations });
  const lines = [...content.allocations, mistake];
  await client.updateStatus(ipPools, { ...pool, status: { ...content, allocations: lines } });
  return lines;
}

/** Longer ago than any period of grace. */
export function old(): string {
  return new Date(Date.now() - 120_000).toISOString();
}

/** Creates objects, 16 at a time. */
export async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = items.values();
  const worker = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

/** What the API server has, in the terms of the tests. */
export class Observed {
  readonly client: KubeClient;

  constructor(client: KubeClient) {
    this.client = client;
  }

  async indexes(name: string): Promise<ReadonlyMap<string, number>> {
    const { items } = await this.client.list(cidrs);
    return hostIndexes(items.map(({ spec }) => spec).filter(spec => spec.network === name));
  }

  async status(name: string): Promise<MultiNicNetwork['status']> {
    return (await this.client.find(multiNicNetworks, { name }))?.status;
  }

  async condition(name: string, type: string) {
    return (await this.status(name))?.conditions?.find(condition => condition.type === type);
  }

  /** Namespaces that have a definition of the name. */
  async definitionNamespaces(name: string): Promise<string[]> {
    const { items } = await this.client.list(networkAttachmentDefinitions);
    return items.flatMap(({ metadata }) => (metadata.name === name ? [metadata.namespace ?? ''] : [])).sort();
  }

  /** The node's extended resource of the network: capacity, and the same as allocatable. */
  async resource(node: string, name: string): Promise<string | undefined> {
    const { status } = await this.client.get(nodes, { name: node });
    const key = `multinic.fms.io/${name}`;
    if (status?.capacity?.[key] !== status?.allocatable?.[key]) return 'capacity and allocatable differ';
    return status?.capacity?.[key];
  }

  async reasons(name: string): Promise<string[]> {
    const { items } = await this.client.list(events, { namespace: 'default' });
    return items.flatMap(event => (event.involvedObject.name === name ? [event.reason ?? ''] : []));
  }

  async pool(name: string): Promise<IPPool | undefined> {
    return this.client.find(ipPools, { name });
  }
}

export async function createNamespace(client: KubeClient, name: string): Promise<void> {
  await client.create(namespaces, { metadata: { name } });
}

/** What a pod was given a good while ago. */
export function allocation(podUID: string, name: string): Allocation {
  const nics = [{ netAddress: '172.20.1.0/24', addresses: ['10.200.0.9/18'] }];
  return { podUID, namespace: 'default', name, interface: 'net1', nics, state: 'Allocated', since: old() };
}
