import { expect } from 'chai';
import { PoolRecords } from '../../agent/records/poolRecords.ts';
import { apiVersion } from '../../core/api/names.ts';
import type { Allocation } from '../../core/api/types.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { hostInterfaces, multiNicNetworks } from '../../kube/api/resources.ts';
import { PoolStore } from '../../kube/pools/poolStore.ts';
import type { Cluster } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';
import { watchedView } from '../kube/networkView.ts';
import { createLeases, silent, takeSnapshot } from '../kube/support.ts';
import { startSiteCluster } from './siteApi.ts';

const node = 'host-1';
const pool = 'blocks.host-1';
const netAddress = '172.20.1.0/24';

describe('agent: a restoration of etcd', function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let client: KubeClient;

  before(async function () {
    this.timeout(900_000);
    cluster = await startSiteCluster();
    client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig });
    const nic = { interfaceName: 'eth1', netAddress, hostIP: '172.20.1.11' };
    const host = { hostName: node, interfaces: [nic] };
    await client.create(hostInterfaces, { apiVersion, kind: 'HostInterface', metadata: { name: node }, spec: host });
    const spec = {
      subnet: '11.9.0.0/16',
      ipam: JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 6, interfaceBlock: 2, vlanMode: 'l2' }),
      multiNICIPAM: true,
      plugin: { cniVersion: '1.0.0', type: 'macvlan' },
    };
    await client.create(multiNicNetworks, { apiVersion, kind: 'MultiNicNetwork', metadata: { name: 'blocks' }, spec });
  });

  after(async () => {
    await client?.close();
    await cluster?.stop();
  });

  it('takes what the agent knows of its pools with it: a record that is lost can be put back', async () => {
    await using watched = watchedView(client);
    const { view } = watched;
    await eventually('the network and the host', () => view.exists('blocks') && view.host(node));
    const { network } = view.mustHave('blocks').state;
    const store = new PoolStore(client, { logger: silent });
    const records = new PoolRecords({ client, view, store, node, logger: silent });
    const running = new AbortController();
    await using ending = new AsyncDisposableStack();
    const ended = records.start(running.signal);
    ending.defer(async () => {
      running.abort();
      await ended;
    });
    const claimant = (podUID: string) => ({ podUID, namespace: 'default', name: podUID, interface: 'net1' });
    const known = (pod: string): boolean => records.known(network, claimant(pod)) !== undefined;
    const take = (pod: string): Promise<Allocation> => {
      const spec = { network: 'blocks', hostName: node, blocks: [] };
      const claim = { claimant: claimant(pod), nics: [{ netAddress, blocks: [] }] };
      return store.allocate({ name: pool, spec, networkUid: network.uid }, claim, { timeoutMs: 10_000 });
    };
    await take('kept');
    await using snapshot = await takeSnapshot(cluster);
    await take('lost');
    await eventually('its record', () => known('lost'));
    await createLeases(
      client,
      Array.from({ length: 400 }, (_, i) => `filler-${i}`),
    );
    await snapshot.restore();
    await eventually('the record to be gone', () => !known('lost'));
    const pod = { uid: 'lost', namespace: 'default', name: 'lost' };
    const options = { interfaceName: 'net1', timeoutMs: 10_000 };
    expect(await store.find(pool, pod, options)).to.equal(undefined);
    await take('lost');
    await eventually('its record', () => known('lost'));
    expect(known('kept')).to.equal(true);
  });
});
