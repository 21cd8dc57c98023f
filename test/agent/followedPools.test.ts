import { expect } from 'chai';
import { PoolRecords } from '../../agent/copies/poolRecords.ts';
import { apiVersion } from '../../core/api/names.ts';
import type { Allocation } from '../../core/api/types.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { hostInterfaces, ipPools, multiNicNetworks } from '../../kube/api/resources.ts';
import { PoolStore } from '../../kube/pools/poolStore.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import type { Cluster } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';
import { watchedView } from '../kube/networkView.ts';
import { createLeases, silent, takeSnapshot } from '../kube/support.ts';
import { startSiteCluster } from './siteApi.ts';

const node = 'host-1';
const netAddress = '172.20.1.0/24';
/** After this a PoolStore no longer trusts what it has read of a pool that nothing tells of, ms. */
const trustedMs = 2_500;

interface Agent extends AsyncDisposable {
  readonly view: ClusterView;
  /** Whether the watch has told of the pod's record. */
  known(pod: string): boolean;
  take(pod: string): Promise<Allocation>;
  /** What the store says that the pod holds. */
  find(pod: string): Promise<Allocation | undefined>;
}

describe('agent: what it knows of its pools', function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let client: KubeClient;

  const createNetwork = async (name: string): Promise<void> => {
    const spec = {
      subnet: '11.9.0.0/16',
      ipam: JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 6, interfaceBlock: 2, vlanMode: 'l2' }),
      multiNICIPAM: true,
      plugin: { cniVersion: '1.0.0', type: 'macvlan' },
    };
    await client.create(multiNicNetworks, { apiVersion, kind: 'MultiNicNetwork', metadata: { name }, spec });
  };

  before(async function () {
    this.timeout(900_000);
    cluster = await startSiteCluster();
    client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig });
    const nic = { interfaceName: 'eth1', netAddress, hostIP: '172.20.1.11' };
    const spec = { hostName: node, interfaces: [nic] };
    await client.create(hostInterfaces, { apiVersion, kind: 'HostInterface', metadata: { name: node }, spec });
  });

  after(async () => {
    await client?.close();
    await cluster?.stop();
  });

  const claimantOf = (podUID: string) => ({ podUID, namespace: 'default', name: podUID, interface: 'net1' });

  /** An agent's store, and its records of a network that exists. */
  async function startRecords(name: string): Promise<Agent> {
    const ending = new AsyncDisposableStack();
    const { view } = ending.use(watchedView(client));
    await eventually('the network and the host', () => view.exists(name) && view.host(node));
    const store = new PoolStore(client, { logger: silent });
    const records = new PoolRecords({ client, view, store, node, logger: silent });
    view.addNetworkListener(() => {
      records.refresh();
    });
    const running = new AbortController();
    const ended = records.start(running.signal);
    ending.defer(async () => {
      running.abort();
      await ended;
    });
    return {
      view,
      known: pod => {
        const known = view.network(name);
        return known !== undefined && records.known(known.state.network, claimantOf(pod)) !== undefined;
      },
      take: pod => {
        const spec = { network: name, hostName: node, blocks: [] };
        const claim = { claimant: claimantOf(pod), nics: [{ netAddress, blocks: [] }] };
        const networkUid = view.mustHave(name).state.network.uid;
        return store.allocate({ name: `${name}.${node}`, spec, networkUid }, claim, { timeoutMs: 10_000 });
      },
      find: uid => {
        const pod = { uid, namespace: 'default', name: uid };
        return store.find(`${name}.${node}`, pod, { interfaceName: 'net1', timeoutMs: 10_000 });
      },
      [Symbol.asyncDispose]: () => ending.disposeAsync(),
    };
  }

  it('goes with a network that is deleted and created again: what its pool has lost can be put back', async () => {
    await createNetwork('again');
    await using agent = await startRecords('again');
    await agent.take('lasting');
    await eventually('its record', () => agent.known('lasting'));
    await client.delete(multiNicNetworks, { name: 'again' });
    await eventually('the network to be gone', () => !agent.view.exists('again'));
    // As the garbage collector does, some time later.
    await client.delete(ipPools, { name: 'again.host-1' });
    await createNetwork('again');
    await eventually('the network', () => agent.view.exists('again'));
    await new Promise(resolve => setTimeout(resolve, trustedMs));
    expect(await agent.find('lasting')).to.equal(undefined);
    await agent.take('lasting');
    await eventually('its record', () => agent.known('lasting'));
  });

  it('goes with the time after which etcd was restored: what its pools have lost can be put back', async () => {
    await createNetwork('restored');
    await using agent = await startRecords('restored');
    await agent.take('kept');
    await using snapshot = await takeSnapshot(cluster);
    await agent.take('lost');
    await eventually('its record', () => agent.known('lost'));
    await createLeases(
      client,
      Array.from({ length: 400 }, (_, i) => `filler-${i}`),
    );
    await snapshot.restore();
    await eventually('the record to be gone', () => !agent.known('lost'));
    expect(await agent.find('lost')).to.equal(undefined);
    await agent.take('lost');
    await eventually('its record', () => agent.known('lost'));
    expect(agent.known('kept')).to.equal(true);
  });
});
