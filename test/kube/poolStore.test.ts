import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';
import { expect } from 'chai';
import type { Allocation } from '../../core/api/types.ts';
import { parseCidr } from '../../core/net/cidr.ts';
import type { Holder } from '../../core/pool/holder.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { ipPools } from '../../kube/api/resources.ts';
import type { KubeObject } from '../../kube/api/types.ts';
import { PoolFeed } from '../../kube/pools/poolFeed.ts';
import type { PoolRef } from '../../kube/pools/poolRef.ts';
import { PoolStore } from '../../kube/pools/poolStore.ts';
import { listPoolRows } from '../../kube/pools/poolTable.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';
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
    expect(status?.allocations?.map(text => text.split(' ')[0])).to.deep.equal(['Allocated', 'Reserved']);
    expect(await confirmed).to.have.length(1);
    // Who only reads writes nothing for those that may wait.
    const waiting = confirm('second', 400);
    const second = { uid: 'of-second', namespace: 'default', name: 'worker-second', reservation: 'second' };
    expect(await store.find(pool.name, second, { interfaceName: 'net1', timeoutMs })).to.include({ state: 'Reserved' });
    const found = await client.get(ipPools, { name: pool.name });
    expect(found.status?.allocations?.map(text => text.split(' ')[0])).to.deep.equal(['Allocated', 'Reserved']);
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

  it("need not read what another has written, as the watch of nodes' pools tells of it", async () => {
    const spec = { network: 'followed', hostName: 'node', blocks: [] };
    const pool = { name: 'followed.node', spec, networkUid: 'of-no-network' };
    const page = { ...pool, name: 'followed.page.0', spec: { network: 'followed', page: 0, blocks: [] } };
    const [one, other] = [0, 1].map(() => new PoolStore(client, { logger: silent })) as [PoolStore, PoolStore];
    const take = (store: PoolStore, name: string, from: PoolRef = pool): Promise<unknown> => {
      const claimant = { podUID: name, namespace: 'default', name, interface: 'net1' };
      return store.allocate(from, { claimant, nics: [{ netAddress: '172.20.1.0/24', blocks: [] }] }, { timeoutMs });
    };
    const versionOf = ({ metadata }: KubeObject): string => `${metadata.name} ${metadata.resourceVersion}`;
    const told: string[] = [];
    const watching: Pick<KubeClient, 'watch' | 'latestVersion'> = {
      latestVersion: (...args) => client.latestVersion(...args),
      async *watch(...args) {
        for await (const event of client.watch(...args)) {
          yield event;
          // Whoever asks for the next one has dealt with this.
          if (event.type !== 'BOOKMARK') told.push(versionOf(event.object));
        }
      },
    };
    await using ending = new AsyncDisposableStack();
    const stopping = new AbortController();
    const ended = new PoolFeed({ client: watching, store: other, logger: silent }).start(stopping.signal);
    ending.defer(async () => {
      stopping.abort();
      await ended;
    });
    const isTold = async (): Promise<void> => {
      const version = versionOf(await client.get(ipPools, { name: pool.name }));
      await eventually('the watch tells', () => told.includes(version), timeoutMs);
    };
    await take(one, 'first');
    await take(other, 'second');
    await take(one, 'in-a-page', page);
    await take(one, 'third');
    await isTold();
    // Longer than a store believes what it has read or written itself.
    await new Promise(resolve => setTimeout(resolve, 2100));
    const requests: string[] = [];
    const note = (message: unknown): void => {
      const { method, path } = (message as { request: ClientRequest }).request;
      if (path.includes(`/ippools/${pool.name}`)) requests.push(method);
    };
    subscribe('http.client.request.created', note);
    ending.defer(() => {
      unsubscribe('http.client.request.created', note);
    });
    await take(other, 'fourth');
    expect(requests).to.deep.equal(['PUT']);
    await client.delete(ipPools, { name: pool.name });
    await take(other, 'fifth');
    const { status } = await client.get(ipPools, { name: pool.name });
    expect(status?.allocations).to.have.length(1);
    await isTold();
    expect(told.filter(text => text.startsWith(page.name))).to.deep.equal([]);
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

  for (const [what, status, recordsLeft] of [
    ['keeps nothing of a status', { type: 'object' }, 1],
    // Nothing tells such a pool from a new one before it is written. Agents put back what runs.
    ['has no status', undefined, 0],
  ] as const) {
    it(`gives no address while somebody else's schema of pools, which ${what}, has the API server drop records`, async () => {
      const network = `dropped-${recordsLeft}`;
      const pool = { name: `${network}.page.0`, spec: { network, page: 0, blocks: [] }, networkUid: 'of-no-network' };
      const range = parseCidr('10.9.0.0/28');
      const nics = [{ netAddress: '172.20.1.0/24', blocks: [{ vlan: range, pod: range, excludes: [] }] }];
      const take = (name: string): Promise<unknown> => {
        const claimant = { podUID: name, namespace: 'default', name, interface: 'net1' };
        const store = new PoolStore(client, { logger: silent });
        return store.allocate(pool, { claimant, nics }, { timeoutMs }).catch((error: unknown) => error);
      };
      const lines = async (): Promise<string[] | undefined> =>
        (await client.get(ipPools, { name: pool.name })).status?.allocations;
      expect(await take('first')).to.include({ podUID: 'first' });
      await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(poolDefinition(status)) });
      await eventually('the other schema to be in use', async () => (await lines()) === undefined);
      const refused = await take('second');
      expect(refused).to.have.property('code', 'MNN_SCHEMA_REPLACED');
      expect(String(refused)).to.contain(`ippool ${pool.name}`);
      const counts: unknown = await listPoolRows(client).catch((error: unknown) => error);
      expect(counts, 'so that nobody takes a pool for unused').to.have.property('code', 'MNN_SCHEMA_REPLACED');
      await applyManifests(cluster, 'manifests/base/crds');
      const later = await eventually('our schema to be in use', async () => {
        const taken = await take('later');
        return taken instanceof Error ? undefined : taken;
      });
      expect(later).to.include({ podUID: 'later' });
      expect(await lines()).to.have.length(recordsLeft + 1);
    });
  }
});

/** The definition of pools as another installation might have it. */
function poolDefinition(status: object | undefined): object {
  const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec: open, ...(status && { status }) } } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'ippools.multinic.fms.io' },
    spec: {
      group: 'multinic.fms.io',
      scope: 'Cluster',
      names: { kind: 'IPPool', listKind: 'IPPoolList', plural: 'ippools', singular: 'ippool' },
      versions: [{ name: 'v1', served: true, storage: true, subresources: { status: {} }, schema }],
    },
  };
}
