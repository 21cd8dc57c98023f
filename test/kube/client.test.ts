import { expect } from 'chai';
import { KubeClient } from '../../kube/api/client.ts';
import {
  ApiError,
  isAlreadyExists,
  isConflict,
  isGone,
  isNotFound,
  isRetryable,
  TransportError,
} from '../../kube/api/errors.ts';
import { leases, namespaces, type Pod, pods } from '../../kube/api/resources.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { compact, createLeases, lease } from './support.ts';

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.fail('it did not fail'),
    (error: unknown) => error,
  );
}

describe('KubeClient, against a real API server', function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let client: KubeClient;

  before(async function () {
    this.timeout(900_000);
    // Without the watch cache a compaction of etcd reaches watches at once, as 410.
    cluster = await startCluster({ name: 'client', nodes: 0, apiServerArgs: ['--watch-cache=false'] });
    client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig, userAgent: 'multi-nic-test' });
  });

  after(async () => {
    await client?.close();
    await cluster?.stop();
  });

  it('reads and writes objects, with their kind and apiVersion filled in', async () => {
    const created = await client.create(leases, lease('crud', { holderIdentity: 'a' }));
    expect(created.metadata.uid).to.be.a('string');
    created.spec!.holderIdentity = 'b';
    const updated = await client.update(leases, created);
    expect(updated.spec?.holderIdentity).to.equal('b');
    expect((await client.get(leases, created.metadata)).spec?.holderIdentity).to.equal('b');
    const { items } = await client.list(leases, { namespace: 'default', fieldSelector: 'metadata.name=crud' });
    expect(items.map(({ kind, apiVersion }) => ({ kind, apiVersion }))).to.deep.equal([
      { kind: 'Lease', apiVersion: 'coordination.k8s.io/v1' },
    ]);
    await client.delete(leases, created.metadata);
    expect(await client.find(leases, created.metadata)).to.equal(undefined);
  });

  it('lists 1,200 objects in pages, each object once, transformed as it arrives', async () => {
    const names = Array.from({ length: 1_200 }, (_, i) => `many-${String(i).padStart(4, '0')}`);
    await createLeases(client, names);
    const { items, resourceVersion } = await client.list(leases, {
      namespace: 'default',
      limit: 500,
      transform: object => ({ ...object, metadata: { name: object.metadata.name } }),
    });
    expect(items.map(({ metadata }) => metadata)).to.deep.equal(names.map(name => ({ name })));
    expect(resourceVersion).to.not.equal('');
  });

  it('starts a list again whose continue token expired in the middle', async () => {
    let first = true;
    const paging = new KubeClient(client.connection);
    const seen: string[] = [];
    const { items } = await (async () => {
      const request = paging.request.bind(paging);
      // Compaction comes between the first page and the second.
      Object.defineProperty(paging, 'request', {
        value: async (...args: Parameters<typeof request>) => {
          const query = args[2]?.query ?? {};
          seen.push(query.continue === undefined ? 'first page' : 'next page');
          if (query.continue !== undefined && first) {
            first = false;
            await client.create(leases, lease('zz-late'));
            await compact(cluster);
          }
          return request(...args);
        },
      });
      return paging.list(leases, { namespace: 'default', limit: 700 });
    })();
    await paging.close();
    expect(seen).to.deep.equal(['first page', 'next page', 'first page', 'next page']);
    expect(items.map(({ metadata }) => metadata.name)).to.include('zz-late');
    expect(new Set(items.map(({ metadata }) => metadata.name)).size)
      .to.equal(items.length)
      .and.equal(1_201);
  });

  it('tells the refusals apart', async () => {
    const created = await client.create(leases, lease('refusals'));
    expect(isAlreadyExists(await failureOf(client.create(leases, lease('refusals'))))).to.equal(true);
    await client.update(leases, { ...created, spec: { holderIdentity: 'first' } });
    const stale = await failureOf(client.update(leases, { ...created, spec: { holderIdentity: 'second' } }));
    expect(isConflict(stale)).to.equal(true);
    expect(isAlreadyExists(stale) || isRetryable(stale)).to.equal(false);
    const missing = await failureOf(client.get(leases, { namespace: 'default', name: 'nothing' }));
    expect(isNotFound(missing)).to.equal(true);
    expect(missing).to.be.instanceOf(ApiError).with.property('reason', 'NotFound');
    const wrongUid = { uid: '00000000-0000-0000-0000-000000000000' };
    expect(isConflict(await failureOf(client.delete(leases, created.metadata, { preconditions: wrongUid })))).to.equal(
      true,
    );
    expect(await client.find(leases, created.metadata)).to.not.equal(undefined);
  });

  it('stores nothing in a dry run', async () => {
    const shown = await client.create(leases, lease('dry'), { dryRun: true });
    expect(shown.metadata.name).to.equal('dry');
    expect(await client.find(leases, shown.metadata)).to.equal(undefined);
  });

  it('patches in both ways', async () => {
    await client.create(namespaces, { metadata: { name: 'patched', labels: { a: '1' } } });
    const ref = { name: 'patched' };
    await client.patch(namespaces, ref, 'merge', { metadata: { labels: { a: null, b: '2' } } });
    const add = [{ op: 'add', path: '/metadata/labels/c', value: '3' }];
    const { metadata } = await client.patch(namespaces, ref, 'json', add);
    expect(metadata.labels).to.include({ b: '2', c: '3' }).and.to.not.have.property('a');
  });

  it('writes the status, and nothing but the status', async () => {
    const pod = await client.create<Pod>(pods, {
      metadata: { name: 'runs', namespace: 'default' },
      spec: { containers: [{ name: 'c', image: 'none' }] },
    });
    const changed = { ...pod, spec: { ...pod.spec!, schedulerName: 'another' }, status: { phase: 'Running' } };
    const { spec, status } = await client.updateStatus(pods, changed);
    expect(status?.phase).to.equal('Running');
    expect(spec).to.deep.equal(pod.spec);
  });

  it('watches from a version on, and fails with 410 from a forgotten one', async () => {
    const { resourceVersion } = await client.list(leases, { namespace: 'default', limit: 500 });
    await client.create(leases, lease('watched'));
    for await (const event of client.watch(leases, { namespace: 'default', resourceVersion })) {
      expect(event.type).to.equal('ADDED');
      expect(event.object.metadata).to.have.property('name', 'watched');
      break;
    }
    const old = (async () => {
      for await (const event of client.watch(leases, { namespace: 'default', resourceVersion: '1' })) {
        expect.fail(`an event from a forgotten version: ${event.type}`);
      }
    })();
    expect(isGone(await failureOf(old))).to.equal(true);
  });

  it('gives up at its deadline or when told to, with an API server that does not answer', async () => {
    cluster.apiServer.pause();
    try {
      const timedOut = await failureOf(client.get(namespaces, { name: 'default' }, { timeoutMs: 200 }));
      expect(timedOut).to.be.instanceOf(TransportError).with.property('code', 'timeout');
      const controller = new AbortController();
      const pending = failureOf(client.get(namespaces, { name: 'default' }, { signal: controller.signal }));
      controller.abort(new Error('enough'));
      expect(await pending).to.have.property('message', 'enough');
    } finally {
      cluster.apiServer.resume();
    }
    expect((await client.get(namespaces, { name: 'default' })).metadata.name).to.equal('default');
  });

  it('refuses calls once it is closed', async () => {
    const closed = new KubeClient(client.connection);
    await closed.get(namespaces, { name: 'default' });
    await closed.close();
    expect(await failureOf(closed.get(namespaces, { name: 'default' }))).to.be.instanceOf(TransportError);
  });
});
