import { apiVersion, extendedResourceName, label } from '../../core/api/names.ts';
import type { MultiNicNetwork } from '../../core/api/types.ts';
import { auditedPod } from '../../core/audit/readPod.ts';
import { addressesOf } from '../../core/audit/view.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { multiNicNetworks, namespaces, nodes, type Pod, pods } from '../../kube/api/resources.ts';
import { type Cluster, type ClusterNode, idlePodSpec } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';
import { Ping } from './pings.ts';

/** Is opted in. */
export const namespace = 'stormy';

/** What installed clusters of this folder are used with: a labelled namespace, and in it two networks over all NICs. */
export class Site {
  readonly cluster: Cluster;
  readonly client: KubeClient;

  constructor(cluster: Cluster, client: KubeClient) {
    this.cluster = cluster;
    this.client = client;
  }

  /** `blocks` has routes, and a block for each node; addresses of `pages` do not depend on the node. */
  async createNetworks(): Promise<void> {
    const { client, cluster } = this;
    const subnets = cluster.nodes[0]?.nics.map(({ subnet }) => subnet) ?? [];
    const networks = [
      network('blocks', '10.222.0.0/16', { hostBlock: 8, interfaceBlock: 2, vlanMode: 'l3' }, subnets),
      network('pages', '10.223.0.0/16', { hostBlock: 0, interfaceBlock: 2 }, subnets),
    ];
    for (const one of networks) {
      // Its webhook may just have come.
      await eventually(`network ${one.metadata.name}`, () => client.create(multiNicNetworks, one));
    }
    await client.create(namespaces, { metadata: { name: namespace, labels: { [label.injection]: 'enabled' } } });
    // Not the condition Ready: that waits for routes on nodes that may have no agent.
    await eventually('both networks on every node', async () => {
      const { items } = await client.list(nodes);
      return items.every(({ status }) =>
        ['blocks', 'pages'].every(name => status?.capacity?.[extendedResourceName(name)] !== undefined),
      );
    });
  }

  /** Creates a pod that does nothing until it is told to end. */
  create(name: string, node: ClusterNode): Promise<Pod> {
    const nodeSelector = { 'kubernetes.io/hostname': node.name };
    return this.client.create(pods, { metadata: { namespace, name }, spec: { ...idlePodSpec, nodeSelector } });
  }

  running(name: string): Promise<Pod> {
    return eventually(`pod ${name} to run`, async () => {
      const pod = await this.client.get(pods, { namespace, name });
      return pod.status?.phase === 'Running' && pod;
    });
  }

  /**
   * A ping from one pod to another, over each NIC of the network `blocks`. Not the other way, too: the answers go that way already, and a ping's socket,
   * which has room for some 20 packets, is given every request that comes to its pod over the NIC. Those of the other side fill it in the two seconds for
   * which a busy machine may hold a ping up, so that its next answer is lost there.
   */
  async startPings(from: Pod, to: Pod): Promise<Ping[]> {
    const paths = addressesOnBlocks(to).map((address, i) => ({
      namespace,
      pod: from.metadata.name,
      device: `net1-${i}`,
      address,
    }));
    return Promise.all(paths.map(path => Ping.start(this.cluster, path)));
  }
}

function addressesOnBlocks(pod: Pod): string[] {
  const attachments = auditedPod(pod).attachments.filter(({ network }) => network === 'blocks');
  return attachments.flatMap(({ nics }) => addressesOf(nics));
}

function network(name: string, subnet: string, ipam: object, masterNets: readonly string[]): MultiNicNetwork {
  return {
    apiVersion,
    kind: 'MultiNicNetwork',
    metadata: { name },
    spec: {
      ...{ subnet, masterNets: [...masterNets], multiNICIPAM: true, namespaces: [namespace] },
      ipam: JSON.stringify({ type: 'multi-nic-ipam', ...ipam }),
      plugin: { cniVersion: '0.4.0', type: 'ptp' },
    },
  };
}
