import { expect } from 'chai';
import { apiVersion, label } from '../../core/api/names.ts';
import type { IPPool } from '../../core/api/types.ts';
import { ipPools, pathOf, type Pod, pods } from '../../kube/api/resources.ts';
import type { KubeObject, KubeStatus, Resource } from '../../kube/api/types.ts';
import { isAtMost } from '../cluster/version.ts';
import type { ApiAnswer } from './apiBackend.ts';
import { ComparedApi } from './comparedApi.ts';
import { podAsPosted } from './podKinds.ts';
import { RealApi } from './realApi.ts';
import { RealServer } from './realServer.ts';
import { namespace } from './setting.ts';

/** Every call goes to both, and fails where they differ; what is expected here is only that the case is the one that is meant. */
describe('the stub of the API server answers as the API server', () => {
  let server: RealServer;
  let api: ComparedApi;

  before(async function () {
    // The first run of all builds the API server.
    this.timeout(900_000);
    server = await RealServer.start();
  });

  beforeEach(async () => {
    await server.clear();
    api = new ComparedApi(new RealApi(server));
  });

  after(() => server.stop());

  const pod = podAsPosted('train', 'pod', 'n1');
  const podPath = pathOf(pods, { namespace, name: 'pod' });
  const pool: IPPool = {
    ...{ apiVersion, kind: 'IPPool', metadata: { name: 'pool', labels: { [label.network]: 'train' } } },
    spec: { network: 'train', hostName: 'n1', blocks: ['10.10.0.0/30'] },
  };
  const poolPath = pathOf(ipPools, { name: 'pool' });
  const status = { allocations: [], used: 0, capacity: 3 };

  async function ask(method: string, url: string, body?: object, accept = 'application/json'): Promise<ApiAnswer> {
    return api.call({ method, url, accept, body });
  }

  async function done<T = KubeObject>(method: string, url: string, body?: object): Promise<T> {
    const answer = await ask(method, url, body);
    expect(answer.status, JSON.stringify(answer.body)).to.be.within(200, 201);
    return answer.body as T;
  }

  async function refused(reason: string | string[], method: string, url: string, body?: object): Promise<void> {
    expect(((await ask(method, url, body)).body as KubeStatus).reason).to.be.oneOf([reason].flat());
  }

  function create<T extends KubeObject>(resource: Resource<T>, object: T): Promise<T> {
    return done<T>('POST', pathOf(resource, resource.namespaced ? { namespace } : {}), object);
  }

  function bindingOf({ metadata: { name, uid = '' } }: Pod, annotations = {}): object {
    return {
      ...{ apiVersion: 'v1', kind: 'Binding', metadata: { name, namespace, uid, annotations } },
      target: { kind: 'Node', name: 'n1' },
    };
  }

  it('to a name that is taken, or unknown', async () => {
    const made = await create(ipPools, pool);
    await refused('AlreadyExists', 'POST', pathOf(ipPools, {}), pool);
    await done('DELETE', poolPath, {});
    for (const method of ['GET', 'DELETE']) await refused('NotFound', method, poolPath, {});
    const { name, labels } = made.metadata;
    for (const path of [poolPath, `${poolPath}/status`]) {
      await refused('NotFound', 'PUT', path, { ...made, metadata: { name, labels } });
      // Its UID is a precondition, which comes first, or does not: the pool store goes on alike.
      await refused(['Conflict', 'NotFound'], 'PUT', path, made);
    }
  });

  it('to writes of an old version, of another object of the name, and of no version', async () => {
    const made = await create(ipPools, pool);
    await done('PUT', `${poolPath}/status`, { ...made, status });
    await refused('Conflict', 'PUT', `${poolPath}/status`, { ...made, status });
    await refused('Conflict', 'PUT', poolPath, made);
    const other = { ...made.metadata, resourceVersion: undefined, uid: 'other' };
    await refused('Conflict', 'PUT', poolPath, { ...made, metadata: other });
    await refused('Invalid', 'PUT', poolPath, { ...made, metadata: { ...other, uid: made.metadata.uid } });
    const { metadata } = await create(pods, pod);
    await done('PUT', podPath, { ...pod, metadata: { ...metadata, resourceVersion: undefined, labels: { a: 'b' } } });
  });

  it('to writes that change nothing, each part of an object by its own path', async () => {
    const made = await create(ipPools, { ...pool, status });
    expect(made).not.to.have.property('status');
    const used = await done<IPPool>('PUT', `${poolPath}/status`, { ...made, spec: { network: 'other' }, status });
    expect(used.spec).to.deep.equal(pool.spec);
    const again = await done<IPPool>('PUT', `${poolPath}/status`, used);
    expect(again.metadata.resourceVersion).to.equal(used.metadata.resourceVersion);
    const moved = await done<IPPool>('PUT', poolPath, { ...used, spec: { ...pool.spec, blocks: [] }, status: {} });
    expect(moved.status).to.deep.equal(status);
  });

  it('to a pool that is to be without managedFields', async () => {
    const { metadata } = await create(ipPools, pool);
    // A change of something, or it depends on the second whether the API server writes.
    const labelled = { ...metadata, labels: { ...metadata.labels, team: 'blue' }, managedFields: undefined };
    const kept = await done<IPPool>('PUT', poolPath, { ...pool, metadata: labelled });
    expect(kept.metadata).to.have.property('managedFields');
    const given = await done<IPPool>('PUT', poolPath, { ...kept, metadata: { ...kept.metadata, managedFields: [{}] } });
    const written = await done<IPPool>('PUT', `${poolPath}/status`, { ...given, status });
    expect(written.metadata).not.to.have.property('managedFields');
  });

  it('to deletions with preconditions', async () => {
    const made = await create(ipPools, pool);
    const { metadata } = await done<IPPool>('PUT', `${poolPath}/status`, { ...made, status });
    const { uid, resourceVersion } = metadata;
    for (const preconditions of [{ uid: 'other' }, { resourceVersion: made.metadata.resourceVersion }])
      await refused('Conflict', 'DELETE', poolPath, { preconditions });
    await done('DELETE', poolPath, { preconditions: { uid, resourceVersion } });
  });

  it('to the deletion of pods: without a node, on a node, once more, by force, and when they have ended', async () => {
    await create(pods, pod);
    await done('DELETE', podPath, {});
    const onNode = { ...pod, spec: { ...pod.spec, nodeName: 'n1' } } as Pod;
    for (const ending of [{}, { gracePeriodSeconds: 0 }]) {
      const { metadata } = await create(pods, onNode);
      await done('DELETE', podPath, {});
      await refused('Conflict', 'DELETE', podPath, { preconditions: { uid: 'other' } });
      await done('DELETE', podPath, {});
      expect((await done<Pod>('GET', podPath)).metadata).to.have.property('deletionTimestamp');
      await done('DELETE', podPath, { preconditions: { uid: metadata.uid }, gracePeriodSeconds: 0, ...ending });
    }
    const made = await create(pods, onNode);
    await done('PUT', `${podPath}/status`, { ...made, status: { ...made.status, phase: 'Succeeded' } });
    await done('DELETE', podPath, {});
    await refused('NotFound', 'GET', podPath);
  });

  it('to Bindings: of no pod, of another pod of the name, twice, and of one that is being deleted', async () => {
    const made = await create(pods, pod);
    const path = `${podPath}/binding`;
    // Older ones bind whatever pod has the name (https://github.com/kubernetes/kubernetes/pull/105913).
    if (!isAtMost(server.version, 22))
      await refused('Conflict', 'POST', path, bindingOf({ ...made, metadata: { ...made.metadata, uid: 'other' } }));
    await done('POST', path, bindingOf(made, { decided: 'so' }));
    expect((await done<Pod>('GET', podPath)).metadata.annotations).to.include({ decided: 'so' });
    await refused('Conflict', 'POST', path, bindingOf(made));
    await done('DELETE', podPath, {});
    await refused('Conflict', 'POST', path, bindingOf(made));
    await done('DELETE', podPath, { gracePeriodSeconds: 0 });
    await refused('NotFound', 'POST', path, bindingOf(made));
  });

  it('to lists: by label and by field, as a table, and from a cache of any age', async () => {
    await create(ipPools, pool);
    await create(ipPools, { ...pool, metadata: { name: 'page' }, spec: { network: 'flat', page: 1, blocks: [] } });
    await create(pods, pod);
    await create(pods, { ...podAsPosted('pinned', 'pinned', 'n2') });
    const all = pathOf(ipPools, {});
    const named = (answer: ApiAnswer): number => (answer.body as { items: unknown[] }).items.length;
    expect(named(await ask('GET', `${all}?labelSelector=${label.network}%3Dtrain`))).to.equal(1);
    expect(named(await ask('GET', `/api/v1/pods?fieldSelector=spec.nodeName%3Dn2`))).to.equal(1);
    expect(named(await ask('GET', `/api/v1/pods?fieldSelector=spec.nodeName%3D`))).to.equal(1);
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    await ask('GET', `${all}?includeObject=None`, undefined, accept);
    const counts: number[] = [];
    for (const staleBy of [0, 1, 2, 3])
      counts.push(
        named(await api.call({ method: 'GET', url: `${all}?resourceVersion=0`, accept: '', body: undefined }, staleBy)),
      );
    expect(counts).to.deep.equal([2, 2, 2, 1]);
  });

  it('to one object: from a cache of any age', async () => {
    const { metadata } = await create(ipPools, pool);
    const path = pathOf(ipPools, metadata);
    for (const used of [1, 2]) {
      const current = await done<IPPool>('GET', path);
      await done('PUT', `${path}/status`, { ...current, status: { allocations: [], used } });
    }
    const url = `${path}?resourceVersion=0`;
    const used: unknown[] = [];
    for (const staleBy of [0, 1, 2, 3]) {
      const { body } = await api.call({ method: 'GET', url, accept: '', body: undefined }, staleBy);
      used.push((body as IPPool).status?.used);
    }
    expect(used).to.deep.equal([2, 1, undefined, 2]);
  });

  it('but for what the schemas refuse, or leave out: no history may write that', async () => {
    const wrong = [
      { ...pool, spec: {} },
      { ...pool, spec: { ...pool.spec, unknown: 1 } },
    ];
    for (const [i, object] of wrong.entries()) {
      const answer = ask('POST', pathOf(ipPools, {}), { ...object, metadata: { name: `pool-${i}` } });
      const text = await answer.then(({ status }) => String(status), String);
      expect(text).to.contain('The API server and the stub differ');
    }
  });
});
