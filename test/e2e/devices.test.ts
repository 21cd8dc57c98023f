import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { podResources } from '../../agent/devices/podResources.ts';
import { buildCni } from '../../build/buildCni.ts';
import { annotation } from '../../core/api/names.ts';
import type { AllocatedNic, MultiNicNetworkSpec } from '../../core/api/types.ts';
import { readPool } from '../../core/pool/content.ts';
import { KubeClient } from '../../kube/api/client.ts';
import {
  deviceClasses,
  events,
  hostInterfaces,
  ipPools,
  multiNicNetworks,
  type Pod,
  pods,
} from '../../kube/api/resources.ts';
import { boxImage, type Cluster, type ClusterNode, startCluster } from '../cluster/index.ts';
import { DevicePlugin } from '../devices/devicePlugin.ts';
import { type PciNic, showPciNics } from '../devices/pciTree.ts';
import { eventually } from '../eventually.ts';
import { installSystem, labelNamespace } from '../system/install.ts';

const namespace = 'default';
/** Devices of a plugin; the other NICs are the network's own. */
const pluggedNics = ['eth5', 'eth6'];

/** eth1 and eth2 are on NUMA node 0 and of a product of their own, the others on node 1. */
const nics = [10_000, 25_000, 100_000, 400_000, 100_000, 100_000].map((speedMbps, i): PciNic => ({
  address: `0000:${i + 11}:00.0`,
  numaNode: i < 2 ? 0 : 1,
  net: `eth${i + 1}`,
  product: i < 2 ? '0x1017' : '0x1021',
  speedMbps,
}));
const numaNodeOf = (nic: string) => nics.find(({ net }) => net === nic)?.numaNode;

describe('NICs by strategy and by device plugin, on a real node of two NUMA nodes', function () {
  this.timeout(300_000);
  let cluster: Cluster;
  let node: ClusterNode;
  let client: KubeClient;
  let gpus: DevicePlugin;
  let plugged: DevicePlugin;

  before(async function () {
    this.timeout(900_000);
    cluster = await startCluster({ name: 'devices', nodes: 1, nics: nics.length });
    node = cluster.nodes[0]!;
    client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig });
    await showPciNics(node, nics);
    gpus = await DevicePlugin.start(node, 'example.com/gpu', [
      { id: 'GPU-0', numaNode: 0 },
      { id: 'GPU-1', numaNode: 1 },
    ]);
    const addresses = nics.filter(({ net }) => pluggedNics.includes(net)).map(({ address }) => address);
    plugged = await DevicePlugin.start(
      node,
      'example.com/nic',
      addresses.map(id => ({ id })),
    );
    await installSystem(cluster, await buildCni());
    await labelNamespace(cluster, namespace);
    const subnetOf = (nic: string) => node.nics.find(({ name }) => name === nic)!.subnet;
    const chosen = (subnet: string, attachPolicy: MultiNicNetworkSpec['attachPolicy']): MultiNicNetworkSpec => ({
      subnet,
      masterNets: ['eth1', 'eth2', 'eth3', 'eth4'].map(subnetOf),
      ipam: '{"type": "multi-nic-ipam", "hostBlock": 6, "interfaceBlock": 2, "vlanMode": "l3"}',
      multiNICIPAM: true,
      plugin: { cniVersion: '0.4.0', type: 'ptp' },
      attachPolicy: attachPolicy!,
    });
    await createNetwork('near', chosen('10.222.0.0/16', { strategy: 'topology' }));
    await createNetwork('cheap', chosen('10.223.0.0/16', { strategy: 'costOpt', target: '30Gbps' }));
    await createNetwork('fast', chosen('10.224.0.0/16', { strategy: 'perfOpt' }));
    await createNetwork('classy', chosen('10.225.0.0/16', { strategy: 'devClass' }));
    await client.create(deviceClasses, {
      apiVersion: 'multinic.fms.io/v1',
      kind: 'DeviceClass',
      metadata: { name: 'older' },
      spec: { ids: [{ vendor: '15b3', products: ['1017'] }] },
    });
    await createNetwork('whole', {
      masterNets: pluggedNics.map(subnetOf),
      ipam: '{"type": "host-device-ipam"}',
      plugin: { cniVersion: '0.4.0', type: 'host-device', args: { resourceName: 'example.com/nic' } },
    });
  });

  after(async function () {
    this.timeout(60_000);
    await client?.close();
    await gpus?.[Symbol.asyncDispose]();
    await plugged?.[Symbol.asyncDispose]();
    await cluster?.stop();
  });

  /** The kubelet's folder, by a path that is short enough for a socket. */
  const kubelet = () => `/proc/${node.pid}/root/var/lib/kubelet`;

  const createNetwork = async (name: string, spec: MultiNicNetworkSpec): Promise<void> => {
    await client.create(multiNicNetworks, {
      apiVersion: 'multinic.fms.io/v1',
      kind: 'MultiNicNetwork',
      metadata: { name },
      spec,
    });
    await eventually(`network ${name} to be ready`, async () => {
      const { status } = await client.get(multiNicNetworks, { name });
      return status?.configStatus === 'Success';
    });
  };

  const create = (name: string, network: object, resources: object = {}): Promise<Pod> =>
    client.create(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, annotations: { [annotation.networks]: JSON.stringify([network]) } },
      spec: {
        terminationGracePeriodSeconds: 0,
        containers: [
          {
            name: 'main',
            image: boxImage,
            imagePullPolicy: 'Never',
            command: ['/bin/busybox', 'sleep', '100000'],
            resources,
          },
        ],
      },
    });

  const running = (name: string): Promise<Pod> =>
    eventually(`pod ${name} to run`, async () => {
      const pod = await client.get(pods, { namespace, name });
      return pod.status?.phase === 'Running' && pod;
    });

  const gone = async (...names: string[]): Promise<void> => {
    for (const name of names) await client.delete(pods, { namespace, name });
    await eventually(`${names.join(', ')} to be gone`, async () => {
      const found = await Promise.all(names.map(name => client.find(pods, { namespace, name })));
      return found.every(pod => pod === undefined);
    });
  };

  const inPod = async (name: string, script: string): Promise<string> =>
    (await cluster.kubectl(['exec', name, '--', '/bin/busybox', 'sh', '-c', script])).stdout;

  const nicsOf = async (pod: string, network: string): Promise<AllocatedNic[]> => {
    const pool = await client.find(ipPools, { name: `${network}.${node.name}` });
    const record = readPool(pool).allocations.find(({ name, state }) => name === pod && state === 'Allocated');
    return record?.nics ?? [];
  };

  const mastersOf = async (pod: string, network = 'near'): Promise<string[]> =>
    (await nicsOf(pod, network)).flatMap(({ master }) => master ?? []);

  /** What the pod's events say of the choice. */
  const told = (pod: string): Promise<string> =>
    eventually(`an event of ${pod}`, async () => {
      const { items } = await client.list(events, { namespace });
      return items.find(event => event.involvedObject.name === pod && event.reason === 'NetworksChosen')?.message;
    });

  /** The hardware addresses of links. */
  const macsOf = (links: string): string[] => [...links.matchAll(/link\/ether (\S+)/g)].map(([, mac = '']) => mac);

  it('shows the NICs with their PCI addresses and NUMA nodes', async () => {
    const { spec } = await client.get(hostInterfaces, { name: node.name });
    expect(spec.interfaces.map(nic => [nic.interfaceName, nic.pciAddress, nic.numaNode])).to.deep.equal(
      nics.map(({ net, address, numaNode }) => [net, address, numaNode]),
    );
  });

  it('topology: pods get NICs beside the GPUs that they were assigned', async () => {
    const names = ['trainer-a', 'trainer-b'];
    const gpu = { limits: { 'example.com/gpu': '1' } };
    // The kubelet admits one after the other, so the plugin's calls come in the order of the pods.
    for (const name of names) {
      await create(name, { name: 'near', 'cni-args': { nics: 2 } }, gpu);
      await running(name);
    }
    const assigned = gpus.allocated.map(([id]) => (id === 'GPU-0' ? 0 : 1));
    expect(assigned.toSorted()).to.deep.equal([0, 1]);
    for (const [i, name] of names.entries()) {
      const masters = await mastersOf(name);
      expect(masters).to.have.length(2);
      expect(masters.map(numaNodeOf), name).to.deep.equal([assigned[i], assigned[i]]);
      expect(await inPod(name, 'busybox ip -4 address')).to.contain('net1-1');
      const devices = await podResources(kubelet(), { namespace, name }, AbortSignal.timeout(10_000));
      const [id] = gpus.allocated[i] ?? [];
      expect(devices).to.deep.equal([{ resource: 'example.com/gpu', id, numaNodes: [assigned[i]] }]);
    }
    // The kubelet itself was asked each time, and it listed pods whose sandboxes were being made.
    expect(readFileSync(join(cluster.logs, `${node.name}-agent.log`), 'utf8')).not.to.contain('reading the checkpoint');
    await gone(...names);
  });

  it('topology: a pod with GPUs on both NUMA nodes has NICs on both', async () => {
    await create('both', { name: 'near', 'cni-args': { nics: 2 } }, { limits: { 'example.com/gpu': '2' } });
    await running('both');
    const masters = await mastersOf('both');
    expect(masters.map(numaNodeOf)).to.deep.equal([0, 1]);
    expect(await told('both')).to.match(
      new RegExp(
        `^on node ${node.name}: network near \\(topology, 2 NICs asked for\\): net1-0 ${masters[0]} \\S+, net1-1 ${masters[1]} `,
      ),
    );
    await gone('both');
  });

  it('topology: a pod without GPUs has the first NICs', async () => {
    await create('none', { name: 'near', 'cni-args': { nics: 3 } });
    await running('none');
    expect(await mastersOf('none')).to.deep.equal(['eth1', 'eth2', 'eth3']);
    await gone('none');
  });

  const strategies: [what: string, network: string, asked: object, masters: string[]][] = [
    ['costOpt: the slowest NIC that has the target alone', 'cheap', {}, ['eth3']],
    ['perfOpt: the two NICs with the most bandwidth', 'fast', { nics: 2 }, ['eth3', 'eth4']],
    ['devClass: the NICs of the class', 'classy', { class: 'older' }, ['eth1', 'eth2']],
  ];
  for (const [what, network, asked, masters] of strategies) {
    it(`${what}, and the pod has their addresses`, async () => {
      await create(network, { name: network, 'cni-args': asked });
      await running(network);
      expect((await mastersOf(network, network)).toSorted()).to.deep.equal(masters);
      const given = (await nicsOf(network, network)).flatMap(({ addresses }) => addresses);
      expect(given).to.have.length(masters.length);
      const links = await inPod(network, 'busybox ip -4 address');
      for (const [i, address] of given.entries())
        expect(links).to.match(new RegExp(`inet ${address.split('/')[0]}[/ ].* net1-${i}\\b`));
      expect(await told(network)).to.contain(`network ${network} (`);
      await gone(network);
    });
  }

  it('a device plugin: the webhook asks for the devices, and the right netdevs move into the pod and back', async () => {
    const onNode = async (...names: string[]) =>
      (await Promise.all(names.map(name => node.exec(['ip', 'link', 'show', name])))).flatMap(({ stdout }) =>
        macsOf(stdout),
      );
    const macs = await onNode(...pluggedNics);
    const created = await create('holder', { name: 'whole', 'cni-args': { nics: 2 } });
    const quantities = { 'example.com/nic': '2' };
    expect(created.spec?.containers[0]?.resources).to.deep.equal({ limits: quantities, requests: quantities });
    await running('holder');
    expect(plugged.allocated.map(ids => ids.toSorted())).to.deep.equal([['0000:15:00.0', '0000:16:00.0']]);
    expect(await told('holder')).to.contain('network whole (none, masters ');
    const links = await inPod('holder', 'busybox ip link show net1-0; busybox ip link show net1-1');
    expect(macsOf(links)).to.deep.equal(macs);
    const addresses = await inPod('holder', 'busybox ip -4 address');
    for (const nic of node.nics.filter(({ name }) => pluggedNics.includes(name)))
      expect(addresses).to.contain(nic.address);

    await create('waiting', { name: 'whole' });
    await eventually('the scheduler to find no device', async () => {
      const { status } = await client.get(pods, { namespace, name: 'waiting' });
      return status?.conditions?.some(({ message }) => message?.includes('Insufficient example.com/nic'));
    });
    await gone('holder');
    await running('waiting');
    await gone('waiting');
    expect(await eventually('the NICs to be back', () => onNode(...pluggedNics))).to.deep.equal(macs);
  });
});
