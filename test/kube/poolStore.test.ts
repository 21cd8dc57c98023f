import { expect } from 'chai';
import type { Allocation } from '../../core/api/types.ts';
import type { Holder } from '../../core/pool/holder.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { ipPools } from '../../kube/api/resources.ts';
import { PoolStore } from '../../kube/pools/poolStore.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { applyManifests } from '../system/apply.ts';
import { silent } from './support.ts';

const timeoutMs = 10_000;

describe('the pool store, against a real API server', function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let client: KubeClient;

  before(async function () {
    this.timeout(900_000);
    cluster = await startCluster({ name: 'pools', nodes: 0 });
    await applyManifests(cluster, 'manifests/base/crds');
    client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig });
  });

  after(async () => {
    await client?.close();
    await cluster?.stop();
  });

  it('writes what may wait along with the next change, or alone when its time has come', async () => {
    const spec = { network: 'patient', page: 0, blocks: [] };
    const pool = { name: 'patient.page.0', spec, networkUid: 'of-no-network' };
    const store = new PoolStore(client, { logger: silent });
    const reserve = (reservation: string): Promise<Allocation> => {
      const claimant = { podUID: '', reservation, namespace: 'default', name: 'worker-', interface: 'net1' };
      return store.allocate(pool, { claimant, nics: [{ netAddress: '172.20.1.0/24', blocks: [] }] }, { timeoutMs });
    };
    const confirm = (reservation: string, patienceMs: number): Promise<Allocation[]> => {
      const pod = { uid: `of-${reservation}`, namespace: 'default', name: `worker-${reservation}`, reservation };
      return store.confirm(pool.name, pod, { timeoutMs, patienceMs });
    };
    await reserve('first');
    // It would be given up long before its patience ends.
    const confirmed = confirm('first', 2 * timeoutMs);
    await reserve('second');
    const { status } = await client.get(ipPools, { name: pool.name });
    expect(status?.allocations.map(text => text.split(' ')[0])).to.deep.equal(['Allocated', 'Reserved']);
    expect(await confirmed).to.have.length(1);
    // Who only reads writes nothing for those that may wait.
    const waiting = confirm('second', 400);
    const second = { uid: 'of-second', namespace: 'default', name: 'worker-second', reservation: 'second' };
    expect(await store.find(pool.name, second, { interfaceName: 'net1', timeoutMs })).to.include({ state: 'Reserved' });
    const found = await client.get(ipPools, { name: pool.name });
    expect(found.status?.allocations.map(text => text.split(' ')[0])).to.deep.equal(['Allocated', 'Reserved']);
    expect(await waiting).to.have.length(1);
    expect(await confirm('nobody', 20)).to.deep.equal([]);
  });

  it('takes nothing from a pool that is left of a network that was deleted and made again', async () => {
    const pool = { name: 'again.page.0', spec: { network: 'again', page: 0, blocks: [] } };
    const claimant = { podUID: 'u', namespace: 'default', name: 'worker-1', interface: 'net1' };
    const take = (networkUid: string): Promise<unknown> =>
      new PoolStore(client, { logger: silent })
        .allocate(
          { ...pool, networkUid },
          { claimant, nics: [{ netAddress: '172.20.1.0/24', blocks: [] }] },
          { timeoutMs },
        )
        .catch((error: unknown) => error);
    expect(await take('the-old')).to.include({ podUID: 'u' });
    const refused = await take('the-new');
    expect(refused).to.have.property('code', 'MNN_NETWORK_NOT_READY');
    expect(String(refused)).to.contain('network again was deleted and created again, and ippool again.page.0');
    await client.delete(ipPools, { name: pool.name });
    expect(await take('the-new')).to.include({ podUID: 'u' });
  });

  it('tells what is reserved for a pod without a write', async () => {
    const spec = { network: 'asked', page: 0, blocks: [] };
    const pool = { name: 'asked.page.0', spec, networkUid: 'of-no-network' };
    const nics = [{ netAddress: '172.20.1.0/24', blocks: [] }];
    const claimant = { podUID: '', reservation: 'its', namespace: 'default', name: 'worker-', interface: 'net1' };
    await new PoolStore(client, { logger: silent }).allocate(pool, { claimant, nics }, { timeoutMs });
    const written = await client.get(ipPools, { name: pool.name });
    const store = new PoolStore(client, { logger: silent });
    const find = (pod: Partial<Holder>, interfaceName = 'net1'): Promise<Allocation | undefined> => {
      const holder = { uid: 'u', namespace: 'default', name: 'worker-1', ...pod };
      return store.find(pool.name, holder, { interfaceName, timeoutMs });
    };
    expect(await find({ reservation: 'its' })).to.include({ state: 'Reserved', reservation: 'its' });
    expect(await find({ reservation: 'its' }, 'net2')).to.equal(undefined);
    expect(await find({ reservation: 'another' })).to.equal(undefined);
    expect(await find({ reservation: 'its', namespace: 'other' })).to.equal(undefined);
    expect(await client.get(ipPools, { name: pool.name })).to.deep.equal(written);
    await store.confirm(
      pool.name,
      { uid: 'u', namespace: 'default', name: 'worker-1', reservation: 'its' },
      { timeoutMs },
    );
    expect(await find({})).to.include({ state: 'Allocated', podUID: 'u' });
    expect(await find({ uid: 'other', reservation: 'its' })).to.equal(undefined);
  });
});
