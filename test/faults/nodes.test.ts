import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { buildCni } from '../../build/buildCni.ts';
import { annotation, apiVersion, extendedResourceName } from '../../core/api/names.ts';
import type { Allocation, MultiNicNetwork } from '../../core/api/types.ts';
import { auditedPool } from '../../core/audit/readPool.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { ApiError } from '../../kube/api/errors.ts';
import { ipPools, multiNicNetworks, nodes, type Pod, pods } from '../../kube/api/resources.ts';
import { canConnect } from '../cluster/canConnect.ts';
import { type Cluster, type ClusterNode, idlePodSpec, startCluster } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';
import { type InstalledSystem, installSystem, labelNamespace } from '../system/install.ts';
import { addressesOf } from '../webhook/support.ts';
import { settled } from './settled.ts';

const namespace = 'default';

describe('addresses, while nodes and their agents fail', function () {
  this.timeout(900_000);
  let cluster: Cluster;
  let system: InstalledSystem;
  let client: KubeClient;

  before(async function () {
    this.timeout(900_000);
    cluster = await startCluster({
      name: 'node-faults',
      nodes: 2,
      nics: 2,
    });
    client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig });
    system = await installSystem(cluster, await buildCni());
    await labelNamespace(cluster, namespace);
    const masterNets = cluster.nodes[0]!.nics.map(({ subnet }) => subnet);
    await client.create(multiNicNetworks, network('blocks', '10.222.0.0/16', 6, masterNets));
    await client.create(multiNicNetworks, network('pages', '10.223.0.0/16', 0, masterNets));
    await eventually('both networks to be ready', async () => {
      const { items } = await client.list(multiNicNetworks);
      return items.every(({ status }) => status?.configStatus === 'Success');
    });
  });
  after(async () => {
    await client?.close();
    await cluster?.stop();
  });

  it('an agent is killed again and again during a storm of ADDs and DELs', async () => {
    const victims = [...system.agents];
    let ended = false;
    const kills = (async () => {
      let count = 0;
      for (; !ended; count++) {
        const [name, victim] = victims[count % victims.length]!;
        await victim.kill();
        victim.start();
        const socket = cluster.nodes.find(node => node.name === name)!.path('/run/multi-nic/cni.sock');
        await eventually('the agent to serve', () => canConnect(socket));
        await sleep(2_000);
      }
      return count;
    })();
    try {
      for (let round = 0; round < 2; round++) {
        const names = Array.from({ length: 8 }, (_, i) => `storm-${round}-${i}`);
        await Promise.all(names.map((name, i) => client.create(pods, podOf(name, `node-${1 + (i % 2)}`))));
        await eventually('all pods to run', () => allReady(names));
        const all = await Promise.all(names.map(name => client.get(pods, { namespace, name })));
        expect(new Set(all.flatMap(addressesOf)).size).to.equal(8 * 4);
        await Promise.all(names.map(name => client.delete(pods, { namespace, name }, { gracePeriodSeconds: 1 })));
        await eventually(
          'all pods to be gone',
          async () => (await client.list(pods, { namespace })).items.length === 0,
        );
      }
    } finally {
      ended = true;
      expect(await kills).to.be.greaterThan(2);
    }
    await settled(client);
  });

  it('a pod of a StatefulSet is deleted and re-created under its name 200 times', async () => {
    await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(statefulSet) });
    let uid = '';
    for (let i = 0; i < 200; i++) {
      const pod = await eventually(`incarnation ${i}`, async () => {
        const found = await client.find(pods, { namespace, name: 'again-0' });
        return found?.metadata.uid !== uid && found?.spec?.nodeName ? found : undefined;
      });
      uid = pod.metadata.uid ?? '';
      expect(addressesOf(pod), `incarnation ${i}`).to.have.length(4);
      await client.delete(pods, { namespace, name: 'again-0' }, { gracePeriodSeconds: 0 });
    }
    await eventually('the last one to run', () => allReady(['again-0']));
    await settled(client);
    expect((await live('blocks')).length + (await live('pages')).length).to.equal(2);
    await cluster.kubectl(['delete', 'statefulset', 'again', '--wait=true']);
  });

  it('a Node object is deleted and added again while its pods run', async () => {
    const node = cluster.nodes[1]!;
    await client.create(pods, podOf('stays', node.name));
    await eventually('the pod to run', () => allReady(['stays']));
    const before = addressesOf(await client.get(pods, { namespace, name: 'stays' }));
    await client.delete(nodes, { name: node.name });
    const spec = { network: 'blocks', hostName: 'gone', blocks: [] };
    await client.create(ipPools, { apiVersion, kind: 'IPPool', metadata: { name: 'blocks.gone' }, spec });
    await eventually('the leader to have looked for nodes that are gone', async () => {
      const gone = await client.find(ipPools, { name: 'blocks.gone' });
      return gone === undefined;
    });
    await node.kubelet.restart();
    await cluster.waitForNodes([node.name]);
    await client.create(pods, podOf('comes', node.name));
    await eventually('a new pod to run', () => allReady(['comes']));
    const after = addressesOf(await client.get(pods, { namespace, name: 'comes' }));
    if (await client.find(pods, { namespace, name: 'stays' })) {
      expect(after.filter(address => before.includes(address))).to.deep.equal([]);
    }
    await settled(client);
    for (const name of ['stays', 'comes']) {
      await client.delete(pods, { namespace, name }).catch((error: unknown) => {
        if (!(error instanceof ApiError && error.status === 404)) throw error;
      });
    }
    await eventually('both pods to be gone', async () => (await client.list(pods, { namespace })).items.length === 0);
    await settled(client);
  });

  it('the links of a node are down when its kubelet is restarted: its pods run on', async () => {
    const node = cluster.nodes[1]!;
    const wide = podOf('wide', node.name);
    wide.metadata.annotations = { [annotation.networks]: '[{"name": "blocks", "cni-args": {"nics": 2}}]' };
    await client.create(pods, wide);
    await client.create(pods, podOf('narrow', node.name));
    await eventually('both pods to run', () => allReady(['wide', 'narrow']));
    const ports = node.nics.map(({ index }) => node.port(index));
    await cluster.fabric.batch(ports.map(port => `link set ${port} down`));
    try {
      await eventually('the node to have no more addresses', async () => {
        const { status } = await client.get(nodes, { name: node.name });
        return !Object.keys(status?.allocatable ?? {}).some(name => name.startsWith(extendedResourceName('')));
      });
      await node.kubelet.restart();
      // It is admitted after those that the node had.
      const last = { ...podOf('last', node.name), metadata: { namespace: 'kube-system', name: 'last' } };
      await client.create(pods, last);
      await eventually('a pod without networks to run', async () => {
        const { status } = await client.get(pods, last.metadata);
        return status?.containerStatuses?.[0]?.ready;
      });
      await client.delete(pods, last.metadata, { gracePeriodSeconds: 0 });
      expect(await allReady(['wide', 'narrow'])).to.equal(true);
    } finally {
      await cluster.fabric.batch(ports.map(port => `link set ${port} up`));
    }
    for (const name of ['wide', 'narrow']) await client.delete(pods, { namespace, name });
    await eventually('both pods to be gone', async () => (await client.list(pods, { namespace })).items.length === 0);
    await settled(client);
  });

  describe('a pod is deleted by force while its node is cut off: its addresses stay taken', () => {
    /** Names of those that hold addresses, once for each network. */
    const holders = async (): Promise<string[]> =>
      [...(await live('blocks')), ...(await live('pages'))].map(({ name }) => name).sort();

    async function whileCutOff(node: ClusterNode, work: () => Promise<void>): Promise<void> {
      const port = node.port(0);
      const lost = await client.create(pods, podOf('lost', node.name));
      const control = await client.create(pods, podOf('control', 'node-1'));
      await eventually('both pods to run', () => allReady(['lost', 'control']));
      await cluster.fabric.batch([`link set ${port} down`]);
      try {
        for (const { metadata } of [lost, control]) await client.delete(pods, metadata, { gracePeriodSeconds: 0 });
        // Once what the other pod had is free, whoever releases has looked.
        await eventually('the other pod to be released', async () => !(await holders()).includes('control'));
        expect(await holders()).to.deep.equal(['lost', 'lost']);
        await eventually('the node to be not ready', async () => !(await isReady(node.name)));
        await work();
      } finally {
        await cluster.fabric.batch([`link set ${port} up`]);
      }
    }

    it('until the node is back', async () => {
      await whileCutOff(cluster.nodes[1]!, async () => {
        const other = await client.create(pods, podOf('other', 'node-1'));
        await eventually('a third pod to run', () => allReady(['other']));
        await client.delete(pods, other.metadata, { gracePeriodSeconds: 1 });
        await eventually('the third pod to be released', async () => !(await holders()).includes('other'));
        expect(await holders()).to.deep.equal(['lost', 'lost']);
      });
      await cluster.waitForNodes();
      await settled(client);
      expect(await holders()).to.deep.equal([]);
    });

    it('or gone', async () => {
      const node = cluster.nodes[1]!;
      await whileCutOff(node, async () => {
        await client.delete(nodes, { name: node.name });
        await eventually('its addresses to be free', async () => (await holders()).length === 0);
      });
      // It comes back all the same, with the pod that nobody knows any more.
      await node.kubelet.restart();
      await cluster.waitForNodes();
      await settled(client);
      expect(await holders()).to.deep.equal([]);
    });
  });

  /** Of pods that there are: what lies ready for others is nobody's. */
  async function live(network: string): Promise<Allocation[]> {
    const { items } = await client.list(ipPools);
    const records = items.filter(({ spec }) => spec.network === network).flatMap(pool => auditedPool(pool).allocations);
    return records.filter(({ name }) => name !== '*');
  }

  async function allReady(names: readonly string[]): Promise<boolean> {
    const { items } = await client.list(pods, { namespace });
    const ready = items.filter(({ status }) =>
      status?.conditions?.some(is => is.type === 'Ready' && is.status === 'True'),
    );
    const found = new Set(ready.map(({ metadata }) => metadata.name));
    return names.every(name => found.has(name));
  }

  async function isReady(name: string): Promise<boolean> {
    const { status } = await client.get(nodes, { name });
    return status?.conditions?.some(is => is.type === 'Ready' && is.status === 'True') ?? false;
  }
});

function network(name: string, subnet: string, hostBlock: number, masterNets: readonly string[]): MultiNicNetwork {
  return {
    apiVersion,
    kind: 'MultiNicNetwork',
    metadata: { name },
    spec: {
      subnet,
      masterNets: [...masterNets],
      ipam: JSON.stringify({ type: 'multi-nic-ipam', hostBlock, interfaceBlock: 2 }),
      multiNICIPAM: true,
      plugin: { cniVersion: '0.4.0', type: 'ptp' },
    },
  };
}

function podOf(name: string, node: string): Pod {
  const spec = { ...idlePodSpec, nodeSelector: { 'kubernetes.io/hostname': node } };
  return { metadata: { namespace, name }, spec };
}

const labels = { app: 'again' };
const statefulSet = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'again', namespace },
  spec: {
    replicas: 1,
    serviceName: 'again',
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: idlePodSpec },
  },
};
