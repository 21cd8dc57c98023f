import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildCni } from '../../build/buildCni.ts';
import { apiVersion } from '../../core/api/names.ts';
import type { Allocation, HostInterface, MultiNicNetwork, MultiNicNetworkSpec } from '../../core/api/types.ts';
import { layoutsOf } from '../../core/layout/hostBlocks.ts';
import { assignInterfaceIndexes } from '../../core/layout/interfaceIndex.ts';
import { membersOf } from '../../core/layout/members.ts';
import { readNetwork } from '../../core/network/network.ts';
import { readPool } from '../../core/pool/content.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { cidrs, hostInterfaces, ipPools, multiNicNetworks, type Pod, pods } from '../../kube/api/resources.ts';
import { ensureDebianPrograms } from '../cluster/debianPrograms.ts';
import type { Cluster } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';
import { Host } from './host.ts';
import { Namespace, removeLeftovers } from './namespaces.ts';
import { type SiteApi, siteApi } from './siteApi.ts';

/**
 * A real API server, and hosts that are network namespaces: each with eth0 (the primary network) and secondary NICs eth1 … on switches
 * of their own, all hosts' n-th NIC on the n-th one. Each host runs the agent. There is no kubelet: the tests make the calls.
 */
export class Site implements AsyncDisposable {
  readonly api: SiteApi;
  readonly client: KubeClient;
  readonly hosts: Host[];
  readonly folder: string;
  /** Bridges sw0, sw1 …; the n-th NIC of host i is plugged in as hINn. */
  readonly switches: Namespace;
  readonly #bridge: Server;

  private constructor(parts: Pick<Site, 'api' | 'client' | 'hosts' | 'folder'>, switches: Namespace, bridge: Server) {
    this.api = parts.api;
    this.client = parts.client;
    this.hosts = parts.hosts;
    this.folder = parts.folder;
    this.switches = switches;
    this.#bridge = bridge;
  }

  /** The control plane that this site started. */
  get cluster(): Cluster {
    if (!this.api.cluster) throw new Error('This site was given an API server that others started');
    return this.api.cluster;
  }

  static async start({ hosts = 2, nics = 2, agentOptions = [] as readonly string[] } = {}): Promise<Site> {
    removeLeftovers();
    const [executable, api, debian] = await Promise.all([buildCni(), siteApi(), ensureDebianPrograms()]);
    const plugins = join(debian, 'usr/lib/cni');
    const { kubeconfig, server } = api;
    const client = await KubeClient.connect(kubeconfig === undefined ? {} : { kubeconfig });
    const folder = await mkdtemp(join(tmpdir(), 'multi-nic-agent-'));
    const bridge = await openBridge(join(folder, 'api.sock'), server);
    const switches = new Namespace('switches');
    switches.batch(Array.from({ length: nics + 1 }, (_, n) => `link add sw${n} up type bridge`));
    const site = new Site({ api, client, hosts: [], folder }, switches, bridge);
    try {
      for (let index = 1; index <= hosts; index++) {
        const options = { index, nics, folder, kubeconfig, executable, server, switches, plugins, agentOptions };
        site.hosts.push(await Host.start(options));
      }
      return site;
    } catch (error) {
      await site[Symbol.asyncDispose](); // programs that are left would keep the test process alive
      throw error;
    }
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
    const members = nics.flatMap(hif => membersOf(network, hif.spec));
    const { interfaces } = assignInterfaceIndexes([], members, layoutsOf(network));
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

  /** The pod's record in the first host's pool of the network. */
  async recordOf(network: string, pod: string): Promise<Allocation | undefined> {
    const pool = await this.client.find(ipPools, { name: `${network}.${this.hosts[0]!.nodeName}` });
    return readPool(pool).allocations.find(({ name }) => name === pod);
  }

  /** Removes a pod's object at once, as the kubelet does in the end. */
  async removePod(name: string): Promise<void> {
    await this.client.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.hosts.map(host => host[Symbol.asyncDispose]()));
    this.switches[Symbol.dispose]();
    this.#bridge.close();
    await this.client.close();
    await this.api[Symbol.asyncDispose]();
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
