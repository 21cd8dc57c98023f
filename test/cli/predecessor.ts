import { annotation } from '../../core/api/names.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { type Pod, pods } from '../../kube/api/resources.ts';
import type { Cluster } from '../cluster/index.ts';
import { untilServed } from '../system/apply.ts';

/** Objects of the multi-nic-cni operator as it documents them: two hosts with two NICs each, blocks of 64 addresses. */

const group = 'multinic.fms.io';
const apiVersion = `${group}/v1`;
const subnets = ['172.20.1.0/24', '172.20.2.0/24'];

/** Its schemas check and prune little; here nothing. */
const openCrds = [
  ['MultiNicNetwork', 'multinicnetworks'],
  ['HostInterface', 'hostinterfaces'],
  ['CIDR', 'cidrs'],
  ['IPPool', 'ippools'],
  ['DeviceClass', 'deviceclasses'],
].map(([kind = '', plural = '']) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.${group}` },
  spec: {
    group,
    scope: 'Cluster',
    names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
}));

/** Host indexes of a network's hosts, one for each of the two NICs. */
export type Indexes = Record<string, [number, number]>;

/** An address that a pool has for a pod. */
export interface OldRecord {
  pod: string;
  host: string;
  /** 0 or 1. */
  nic: number;
  offset: number;
}

export interface OldNetwork {
  name: string;
  /** Second octet of its subnet, 10.<octet>.0.0/16. */
  octet: number;
  indexes: Indexes;
  records: OldRecord[];
}

/** The address in the layout of 2 interface bits and 8 host bits: blocks of 64. */
export function oldAddress({ octet, indexes }: OldNetwork, { host, nic, offset }: Omit<OldRecord, 'pod'>): string {
  const block = (nic << 8) + (indexes[host]?.[nic] ?? 0);
  return `10.${octet}.${block >> 2}.${(block % 4) * 64 + offset}`;
}

function blockOf(network: OldNetwork, host: string, nic: number): string {
  return `${oldAddress(network, { host, nic, offset: 0 })}/26`;
}

/** What the operator writes into a network that has no dns, when it adds its finalizer, as Go has it; likewise an attachPolicy without strategy. */
const emptyDns = { dns: {} };

function finalizers(kind: string): { finalizers: string[] } {
  return { finalizers: [`finalizers.${kind}.${group}`] };
}

export function oldHost(name: string, number: number): object {
  const interfaces = subnets.map((netAddress, i) => ({
    interfaceName: `ens${i + 7}`,
    netAddress,
    hostIP: `172.20.${i + 1}.${number}`,
    vendor: '15b3',
    product: '101d',
    pciAddress: `0000:3b:00.${i}`,
  }));
  return {
    apiVersion,
    kind: 'HostInterface',
    metadata: { name, ...finalizers('hostinterface') },
    spec: { hostName: name, interfaces },
  };
}

/**
 * A network whose addresses another IPAM plugin gives: the operator made neither CIDR nor IPPools of it.
 * @param strategy the operator took one that does not exist for none
 */
export function oldOutsideNetwork(name: string, strategy = ''): object {
  return {
    apiVersion,
    kind: 'MultiNicNetwork',
    metadata: { name, ...finalizers('multinicnetwork') },
    spec: {
      ipam: '{"type":"whereabouts","range":"10.9.0.0/16"}',
      multiNICIPAM: false,
      plugin: { cniVersion: '0.3.1', type: 'macvlan', ...emptyDns },
      attachPolicy: { strategy },
    },
  };
}

/** The network, its CIDR and its IPPools. */
export function oldObjects(network: OldNetwork): object[] {
  const { name, octet, indexes, records } = network;
  const subnet = `10.${octet}.0.0/16`;
  const poolName = (host: string, nic: number): string => `${name}-${blockOf(network, host, nic).replace('/', '-')}`;
  const vlanCIDR = (nic: number): string => `10.${octet}.${nic * 64}.0/18`;
  const pools = Object.keys(indexes).flatMap(hostName =>
    subnets.map((_, nic) => ({
      apiVersion,
      kind: 'IPPool',
      metadata: {
        name: poolName(hostName, nic),
        labels: { hostname: hostName, netname: name },
        ...finalizers('ippool'),
      },
      spec: {
        podCIDR: blockOf(network, hostName, nic),
        vlanCIDR: vlanCIDR(nic),
        netAttachDef: name,
        hostName,
        interfaceName: `ens${nic + 7}`,
        excludes: [],
        allocations: records
          .filter(record => record.host === hostName && record.nic === nic)
          .map(record => ({
            pod: record.pod,
            namespace: 'default',
            index: record.offset,
            address: oldAddress(network, record),
          })),
      },
    })),
  );
  return [
    {
      apiVersion,
      kind: 'MultiNicNetwork',
      metadata: { name, ...finalizers('multinicnetwork') },
      spec: {
        subnet,
        masterNets: subnets,
        ipam: '{"type":"multi-nic-ipam","hostBlock":8,"interfaceBlock":2,"vlanMode":"l3"}',
        multiNICIPAM: true,
        plugin: { cniVersion: '0.3.1', type: 'ipvlan', args: { mode: 'l3' }, ...emptyDns },
        attachPolicy: { strategy: '' },
      },
    },
    {
      apiVersion,
      kind: 'CIDR',
      metadata: { name, ...finalizers('cidr') },
      spec: {
        config: { name, type: 'ipvlan', subnet, masterNets: subnets, hostBlock: 8, interfaceBlock: 2, vlanMode: 'l3' },
        cidr: subnets.map((netAddress, nic) => ({
          netAddress,
          interfaceIndex: nic,
          vlanCIDR: vlanCIDR(nic),
          hosts: Object.entries(indexes).map(([hostName, own], i) => ({
            hostIndex: own[nic],
            hostName,
            interfaceName: `ens${nic + 7}`,
            hostIP: `172.20.${nic + 1}.${i + 1}`,
            podCIDR: blockOf(network, hostName, nic),
            ippool: poolName(hostName, nic),
          })),
        })),
      },
    },
    ...pools,
  ];
}

const template = {
  metadata: { labels: { app: 'operator' } },
  spec: { containers: [{ name: 'main', image: 'none' }] },
};
const workload = { selector: { matchLabels: { app: 'operator' } }, template };
const operatorNamespace = 'multi-nic-cni-operator';

/** What the operator runs as. */
export const operator: readonly object[] = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: operatorNamespace } },
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'multi-nic-cni-operator-controller-manager', namespace: operatorNamespace },
    spec: { replicas: 1, ...workload },
  },
  {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'multi-nicd', namespace: operatorNamespace },
    spec: workload,
  },
];

/** Makes the cluster one that the operator has left: its schemas and its objects. */
export async function leaveBehind(cluster: Pick<Cluster, 'kubectl'>, objects: readonly object[]): Promise<void> {
  await apply(cluster, openCrds);
  await untilServed(cluster);
  if (objects.length > 0) await apply(cluster, objects);
}

/** A running pod of the network, with the NICs and offsets of its addresses. */
export async function runningPod(
  client: KubeClient,
  network: OldNetwork,
  { name, host, at }: { name: string; host: string; at: readonly (readonly [nic: number, offset: number])[] },
): Promise<void> {
  const ips = at.map(([nic, offset]) => oldAddress(network, { host, nic, offset }));
  const status = [{ name: `default/${network.name}`, interface: 'net1', ips, dns: {} }];
  const pod = await createPod(client, network, name, host, { [annotation.networkStatus]: JSON.stringify(status) });
  await client.patch(pods, pod.metadata, 'merge', { status: { phase: 'Running' } }, { subresource: 'status' });
}

/** A pod that selects the network, on its host. */
export function createPod(
  client: KubeClient,
  network: OldNetwork,
  name: string,
  nodeName: string,
  annotations: Readonly<Record<string, string>> = {},
): Promise<Pod> {
  return client.create(pods, {
    metadata: { name, namespace: 'default', annotations: { [annotation.networks]: network.name, ...annotations } },
    spec: { containers: [{ name: 'main', image: 'none' }], automountServiceAccountToken: false, nodeName },
  } satisfies Pod);
}

async function apply(cluster: Pick<Cluster, 'kubectl'>, items: readonly object[]): Promise<void> {
  const list = { apiVersion: 'v1', kind: 'List', items };
  await cluster.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], { input: JSON.stringify(list) });
}
