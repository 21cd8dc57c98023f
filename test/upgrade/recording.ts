import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cidr, HostInterface, IPPool, MultiNicNetwork } from '../../core/api/types.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { cidrs, hostInterfaces, ipPools, multiNicNetworks, type Pod, pods } from '../../kube/api/resources.ts';
import type { KubeObject } from '../../kube/api/types.ts';
import type { Cluster, ClusterNode } from '../cluster/index.ts';

/** What a release has written, in the API server and on the nodes, as of one quiet moment. */
export interface Recording {
  version: string;
  /** RFC 3339. */
  recordedAt: string;
  networks: MultiNicNetwork[];
  cidrs: Cidr[];
  hosts: HostInterface[];
  pools: IPPool[];
  pods: Pod[];
  nodes: Record<string, RecordedNode>;
}

export interface RecordedNode {
  /** The routes of ours: `destination gateway device`; those to the node's own pods have no gateway. */
  routes: string[];
  /** The agent's state folder: file name → text. */
  checkpoint: Record<string, string>;
}

const attachments = '/var/lib/multi-nic/attachments';

/** @param namespace whose pods are recorded */
export async function recordCluster(
  cluster: Cluster,
  client: KubeClient,
  version: string,
  namespace: string,
): Promise<Recording> {
  return {
    version,
    recordedAt: new Date().toISOString(),
    networks: (await client.list(multiNicNetworks)).items.map(trimmed),
    cidrs: (await client.list(cidrs)).items.map(trimmed),
    hosts: (await client.list(hostInterfaces)).items.map(trimmed),
    pools: (await client.list(ipPools)).items.map(trimmed),
    pods: (await client.list(pods, { namespace })).items.map(trimmedPod),
    nodes: Object.fromEntries(await Promise.all(cluster.nodes.map(recordNode))),
  };
}

async function recordNode(node: ClusterNode): Promise<[string, RecordedNode]> {
  const { stdout } = await node.exec(['ip', '-json', 'route', 'show', 'table', 'all', 'proto', '77']);
  const routes = JSON.parse(stdout || '[]') as { dst: string; gateway?: string; dev: string }[];
  const folder = node.path(attachments);
  const files = (await readdir(folder)).sort();
  const texts = await Promise.all(files.map(async name => [name, await readFile(join(folder, name), 'utf8')] as const));
  const lines = routes.map(({ dst, gateway = '', dev }) => `${dst} ${gateway} ${dev}`).sort();
  return [node.name, { routes: lines, checkpoint: Object.fromEntries(texts) }];
}

function trimmed<T extends KubeObject>(object: T): T {
  const metadata: T['metadata'] & { managedFields?: unknown } = { ...object.metadata };
  delete metadata.managedFields;
  return { ...object, metadata };
}

/** What nobody of ours reads of a pod is left out. */
function trimmedPod(pod: Pod): Pod {
  const { metadata, spec, status } = trimmed(pod);
  return {
    metadata,
    spec: { nodeName: spec?.nodeName },
    status: { phase: status?.phase },
  } as Pod;
}
