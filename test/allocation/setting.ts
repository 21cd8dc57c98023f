import { pino } from 'pino';
import { apiVersion, label } from '../../core/api/names.ts';
import type { Cidr, HostInterface, MultiNicNetwork } from '../../core/api/types.ts';
import {
  cidrs,
  deviceClasses,
  hostInterfaces,
  multiNicNetworks,
  type Namespace,
  namespaces,
  type Node,
  resourceQuotas,
} from '../../kube/api/resources.ts';
import type { KubeObject, Resource } from '../../kube/api/types.ts';
import { ClusterView } from '../../kube/view/clusterView.ts';
import { HostProfiles } from '../../kube/view/hostProfiles.ts';
import { Informer } from '../../kube/watch/informer.ts';
import { Quotas } from '../../webhook/context/quotas.ts';

export const silent = pino({ enabled: false });
export const namespace = 'work';
/** Of the leases that kubelets renew. */
export const leaseNamespace = 'kube-node-lease';
export const nodeNames = ['n1', 'n2'] as const;
export type NodeName = (typeof nodeNames)[number];

/** Addresses that each NIC of a node has in `train`, and that each page has in `flat`. */
export const nodeCapacity = 3;
export const pageCapacity = 3;
export const pageNumbers = [0, 1] as const;

/** All addresses of two pages but three of each, so that pages fill up in a short history. */
function allButThree(thirdOctet: number): string[] {
  const of = (octet: number, ranges: readonly string[]): string[] => ranges.map(range => `10.20.${octet}.${range}`);
  return [
    ...of(thirdOctet, ['4/30', '8/29', '16/28', '32/27', '64/26', '128/25']),
    ...of(thirdOctet + 1, ['0/25', '128/26', '192/27', '224/28', '240/29', '248/30']),
  ];
}

/** Of the blocks of both NICs of both nodes: that full ones are seen in a short history, too. */
const upperHalves = [4, 12, 36, 44].map(last => `10.10.0.${last}/30`);

function network(
  name: string,
  subnet: string,
  ipam: object,
  plugin: MultiNicNetwork['spec']['plugin'],
): MultiNicNetwork {
  return {
    apiVersion,
    kind: 'MultiNicNetwork',
    // The one that every object has which was never edited: what is granted on it is checked against the API server.
    metadata: { name, uid: `uid-of-${name}`, generation: 1 },
    spec: {
      subnet,
      ipam: JSON.stringify({ type: 'multi-nic-ipam', ...ipam }),
      multiNICIPAM: true,
      schedulerResources: true,
      plugin,
    },
    status: {
      computeResults: [],
      discovery: { existDaemon: 2, infoAvailable: 2, cidrProcessed: 2 },
      configStatus: 'Success',
      routeStatus: 'N/A',
      message: '',
      lastSyncTime: '2026-01-01T00:00:00Z',
      interfaces: [1, 2].map(n => ({ index: n - 1, netAddress: `172.20.${n}.0/24`, ordinal: 0 })),
    },
  };
}

/** `train` has a small block on each node; the addresses of `flat` do not depend on the node. Pods have two NICs in each. */
export const networks: readonly MultiNicNetwork[] = [
  network(
    'train',
    '10.10.0.0/26',
    { hostBlock: 2, interfaceBlock: 1, vlanMode: 'l3', excludeCIDRs: upperHalves },
    { cniVersion: '1.0.0', type: 'ipvlan', args: { mode: 'l3' } },
  ),
  network(
    'flat',
    '10.20.0.0/22',
    { hostBlock: 0, interfaceBlock: 1, vlanMode: 'l2', excludeCIDRs: [...allButThree(0), ...allButThree(2)] },
    { cniVersion: '1.0.0', type: 'macvlan' },
  ),
];

export const hostIndexPages: readonly Cidr[] = networks.map(({ metadata: { name } }) => ({
  apiVersion,
  kind: 'CIDR',
  metadata: { name: `${name}-0`, labels: { [label.network]: name } },
  spec: { network: name, page: 0, hosts: nodeNames.map((hostName, hostIndex) => ({ hostName, hostIndex })) },
}));

export function hostOf(name: NodeName): HostInterface {
  const i = nodeNames.indexOf(name);
  const interfaces = [1, 2].map(n => ({
    interfaceName: `eth${n}`,
    netAddress: `172.20.${n}.0/24`,
    hostIP: `172.20.${n}.${i + 11}`,
    linkState: 'up' as const,
  }));
  return { apiVersion, kind: 'HostInterface', metadata: { name }, spec: { hostName: name, interfaces } };
}

export const workNamespace: Namespace = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: namespace, labels: { [label.injection]: 'enabled' } },
};

export function nodeOf(name: NodeName, isReady = true): Node {
  const times = { lastHeartbeatTime: '2026-01-01T00:00:00Z', lastTransitionTime: '2026-01-01T00:00:00Z' };
  const status = { conditions: [{ type: 'Ready', status: isReady ? 'True' : 'Unknown', ...times }] };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name }, status };
}

/** Copies of what no history changes, shared by all processes. */
export type Setting = Awaited<ReturnType<typeof startSetting>>;

/** Starts informers of the objects that no history changes; they read no API server. */
export async function startSetting() {
  const stopping = new AbortController();
  const of = <T extends KubeObject>(resource: Resource<T>, objects: readonly KubeObject[]): Informer<T> => {
    const informer = new Informer<T>({ client: constant(objects), resource, logger: silent });
    ended.push(informer.start(stopping.signal));
    return informer;
  };
  const ended: Promise<void>[] = [];
  const sources = {
    networks: of(multiNicNetworks, networks),
    cidrs: of(cidrs, hostIndexPages),
    hosts: of(hostInterfaces, nodeNames.map(hostOf)),
  };
  const view = new ClusterView(sources, silent);
  const quotaObjects = of(resourceQuotas, []);
  const others = { namespaces: of(namespaces, [workNamespace]), deviceClasses: of(deviceClasses, []) };
  await Promise.all([...Object.values(sources), ...Object.values(others)].map(informer => informer.synced));
  const stop = async (): Promise<void> => {
    stopping.abort();
    await Promise.all(ended);
  };
  return { ...sources, ...others, view, profiles: new HostProfiles(view), quotas: new Quotas(quotaObjects), stop };
}

function constant(objects: readonly KubeObject[]): ConstructorParameters<typeof Informer>[0]['client'] {
  return {
    list: <T extends KubeObject>() => Promise.resolve({ items: structuredClone(objects) as T[], resourceVersion: '1' }),
    watch: (_resource, { signal }) => silence(signal),
    latestVersion: () => Promise.resolve('1'),
  };
}

// eslint-disable-next-line require-yield -- nothing ever changes
async function* silence(signal: AbortSignal | undefined): AsyncGenerator<never, void> {
  await new Promise(resolve => signal?.addEventListener('abort', resolve, { once: true }));
}
