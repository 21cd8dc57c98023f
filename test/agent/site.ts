import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, connect, type Server } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiVersion } from '../../core/api/names.ts';
import type { HostInterface, MultiNicNetwork, MultiNicNetworkSpec } from '../../core/api/types.ts';
import { assignInterfaceIndexes } from '../../core/layout/interfaceIndex.ts';
import { layoutsOf } from '../../core/layout/hostBlocks.ts';
import { readNetwork } from '../../core/network/network.ts';
import { KubeClient } from '../../kube/client.ts';
import { cidrs, hostInterfaces, multiNicNetworks, pods, type Pod } from '../../kube/resources.ts';
import { startCluster, type Cluster } from '../cluster/index.ts';
import { buildCni } from '../setup/buildCni.ts';
import { Namespace, removeLeftovers } from './namespaces.ts';
import { eventually } from './programs.ts';
import { Host } from './host.ts';

const repository = join(import.meta.dirname, '..', '..');

/**
 * A real API server, and hosts that are network namespaces: each with eth0 (the primary network) and secondary NICs eth1 … on switches
 * of their own, all hosts' n-th NIC on the n-th one. Each host runs the agent. There is no kubelet: the tests make the calls.
 */
export class Site implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly client: KubeClient;
  readonly hosts: Host[];
  readonly folder: string;
  readonly #switches: Namespace;
  readonly #bridge: Server;

  private constructor(
    parts: Pick<Site, 'cluster' | 'client' | 'hosts' | 'folder'>,
    switches: Namespace,
    bridge: Server,
  ) {
    this.cluster = parts.cluster;
    this.client = parts.client;
    this.hosts = parts.hosts;
    this.folder = parts.folder;
    this.#switches = switches;
    this.#bridge = bridge;
  }

  static async start({ hosts = 2, nics = 2 } = {}): Promise<Site> {
    removeLeftovers();
    const [executable, cluster] = await Promise.all([buildCni(), startCluster({ nodes: 0 })]);
    await cluster.kubectl(['apply', '-f', join(repository, 'manifests/base/crds')]);
    await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all']);
    const client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig });
    const folder = await mkdtemp(join(tmpdir(), 'multi-nic-agent-'));
    const bridge = await openBridge(join(folder, 'api.sock'), cluster.server);
    const switches = new Namespace('switches');
    for (let n = 0; n <= nics; n++) {
      switches.ip('link', 'add', `sw${n}`, 'type', 'bridge');
      switches.ip('link', 'set', `sw${n}`, 'up');
    }
    const site = new Site({ cluster, client, hosts: [], folder }, switches, bridge);
    for (let index = 1; index <= hosts; index++) {
      const { kubeconfig, server } = cluster;
      site.hosts.push(await Host.start({ index, nics, folder, kubeconfig, executable, server, switches }));
    }
    return site;
  }

  /** Waits until every host's NICs are known, then makes the network with its indexes, as the controller would. */
  async addNetwork(name: string, spec: MultiNicNetworkSpec): Promise<void> {
    const nics = await eventually('HostInterfaces', async () => {
      const found = await Promise.all(
        this.hosts.map(host => this.client.find(hostInterfaces, { name: host.nodeName })),
      );
      return found.every((hif): hif is HostInterface => (hif?.spec.interfaces.length ?? 0) > 0) ? found : undefined;
    });
    const object = { apiVersion, kind: 'MultiNicNetwork', metadata: { name }, spec };
    const created: MultiNicNetwork = await this.client.create(multiNicNetworks, object);
    const network = readNetwork(created);
    const netAddresses = [...new Set(nics.flatMap(hif => hif.spec.interfaces.map(nic => nic.netAddress ?? '')))];
    const positions = (spec.masterNets ?? netAddresses).map(netAddress => ({ netAddress, ordinal: 0 }));
    const { interfaces } = assignInterfaceIndexes([], positions, layoutsOf(network));
    const status = {
      computeResults: [],
      discovery: { existDaemon: 0, infoAvailable: 0, cidrProcessed: 0 },
      configStatus: 'Success' as const,
      routeStatus: 'Success' as const,
      message: 'made by a test',
      lastSyncTime: '2026-01-01T00:00:00Z',
      interfaces,
    };
    await this.client.updateStatus(multiNicNetworks, { ...created, status });
    await this.client.create(cidrs, {
      apiVersion,
      kind: 'CIDR',
      metadata: { name: `${name}-0` },
      spec: {
        network: name,
        page: 0,
        hosts: this.hosts.map(({ nodeName }, hostIndex) => ({ hostName: nodeName, hostIndex })),
      },
    });
  }

  /** Makes a pod that is bound to a host already, as the scheduler and the webhook leave it. */
  async addPod(host: Host, name: string, annotations: Record<string, string> = {}): Promise<Pod> {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', annotations },
      spec: { nodeName: host.nodeName, containers: [{ name: 'main', image: 'none' }] },
    } as unknown as Pod;
    return this.client.create(pods, pod);
  }

  /** Removes a pod's object at once, as the kubelet does in the end. */
  async removePod(name: string): Promise<void> {
    await this.client.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.hosts.map(host => host[Symbol.asyncDispose]()));
    this.#switches[Symbol.dispose]();
    this.#bridge.close();
    await this.client.close();
    await this.cluster.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Makes the API server reachable through the file system: see relay.ts. */
export async function openBridge(path: string, server: string): Promise<Server> {
  const { hostname, port } = new URL(server);
  const bridge = createServer(client => {
    const upstream = connect(Number(port), hostname);
    client.pipe(upstream).pipe(client);
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
  });
  bridge.listen(path);
  await once(bridge, 'listening');
  return bridge;
}
