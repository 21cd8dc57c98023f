import { json } from 'node:stream/consumers';
import { expect } from 'chai';
import pino from 'pino';
import { apiVersion } from '../../core/api/names.ts';
import type { Allocation, IPPool, MultiNicNetwork } from '../../core/api/types.ts';
import { parseCidr } from '../../core/net/cidr.ts';
import type { Claim } from '../../core/pool/allocate.ts';
import { type ApiAnswer, failure } from '../../test/allocation/apiBackend.ts';
import { ObjectStore } from '../../test/allocation/objectStore.ts';
import { AnsweringServer, answerJson } from '../../test/answeringServer.ts';
import { ipPools, multiNicNetworks } from '../api/resources.ts';
import type { PoolRef } from './poolRef.ts';
import { PoolStore } from './poolStore.ts';

/** What the API server says while etcd's quota is used up: it reads, and stores nothing. */
const noSpace = failure(500, 'InternalError', 'etcdserver: mvcc: database space exceeded');

const pool: PoolRef = {
  name: 'net.node',
  spec: { network: 'net', hostName: 'node', blocks: [] },
  networkUid: 'uid-of-net',
  networkGeneration: 1,
};

function claim(name: string): Claim {
  const block = { pod: parseCidr('10.0.0.0/24'), vlan: parseCidr('10.0.0.0/16'), excludes: [] };
  const claimant = { podUID: name, namespace: 'default', name, interface: 'net1' };
  return { claimant, nics: [{ netAddress: '172.20.1.0/24', blocks: [block] }] };
}

/** What only a server that misbehaves on purpose can show; test/allocation has histories of single faults. */
describe('PoolStore, against a server that misbehaves', () => {
  let server: AnsweringServer;
  let objects: ObjectStore;
  let store: PoolStore;
  /** Answers in the place of the API server; undefined: it answers itself. */
  let answer: (method: string, url: string, act: () => Promise<ApiAnswer>) => Promise<ApiAnswer> | undefined;
  let requests: number;
  let headers: Record<string, string>;

  beforeEach(async () => {
    objects = new ObjectStore();
    requests = 0;
    headers = {};
    answer = () => undefined;
    server = await AnsweringServer.start((request, response) => {
      const { method = '', url = '' } = request;
      requests++;
      void (async () => {
        const body = method === 'GET' ? undefined : await json(request);
        const act = () => objects.call({ method, url, accept: request.headers.accept ?? '', body });
        const { status, body: text } = await (answer(method, url, act) ?? act());
        answerJson(response, status, text, headers);
      })();
    });
    store = new PoolStore(server.client, { logger: pino({ enabled: false }) });
    await createNetwork();
  });

  afterEach(() => server[Symbol.asyncDispose]());

  const createNetwork = async (): Promise<void> => {
    const metadata = { name: 'net', uid: pool.networkUid, generation: 1 };
    await server.client.create(multiNicNetworks, { apiVersion, kind: 'MultiNicNetwork', metadata } as MultiNicNetwork);
  };
  const take = (name: string, timeoutMs = 4_700): Promise<Allocation> =>
    store.allocate(pool, claim(name), { timeoutMs });
  const refusal = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => undefined,
      (error: unknown) => error,
    );

  it('asks one that stores nothing less and less often, and goes on when it does again', async () => {
    await take('first');
    let isFull = true;
    answer = method => (isFull && method === 'PUT' ? Promise.resolve(noSpace) : undefined);
    const before = requests;
    const second = take('second');
    await new Promise(resolve => setTimeout(resolve, 1_500));
    expect(requests - before).to.be.within(2, 14);
    isFull = false;
    expect(await second).to.include({ podUID: 'second' });
    isFull = true;
    const third = await refusal(take('third', 300));
    expect(third).to.include({ code: 'MNN_DEADLINE' }).and.have.property('message').that.contains('space exceeded');
  }).timeout(10_000);

  it('says at the deadline what the server that has it wait says, and what is without an answer', async () => {
    const refusedAt = async (timeoutMs: number): Promise<string> => String(await refusal(take('pod', timeoutMs)));
    answer = method =>
      method === 'PUT' ? Promise.resolve(failure(429, 'TooManyRequests', 'too many requests')) : undefined;
    headers = { 'retry-after': '1' };
    expect(await refusedAt(300))
      .to.contain('MNN_DEADLINE')
      .and.contain('429 too many requests');
    answer = method => (method === 'PUT' ? new Promise(() => undefined) : undefined);
    expect(await refusedAt(300))
      .to.contain('MNN_DEADLINE')
      .and.contain('PUT /apis/multinic.fms.io/v1/ippools/net.node/status: no answer');
  });

  it('tries again in time where a request gets no answer: its connection may be the only one that is dead', async () => {
    await take('first');
    for (const [method, path] of [
      ['PUT', '/ippools/'],
      ['GET', '/ippools/'],
      ['GET', '/multinicnetworks/'],
    ] as const) {
      store.unfollow();
      let isSilent = true;
      answer = (asked, url) => {
        if (!isSilent || asked !== method || !url.includes(path)) return undefined;
        isSilent = false;
        return new Promise(() => undefined);
      };
      const name = `${method}${path}`.toLowerCase();
      const other: PoolRef = { ...pool, name: path.includes('ippools') ? pool.name : 'net.other' };
      expect(await store.allocate(other, claim(name), { timeoutMs: 4_700 })).to.include({ podUID: name });
      expect(isSilent).to.equal(false);
    }
  }).timeout(20_000);

  it('reads the network again where that failed, as a pod would else be refused for it', async () => {
    const failures = [500, 503, 504];
    answer = (_, url) => {
      const code = url.includes('/multinicnetworks/') ? failures.shift() : undefined;
      return code === undefined
        ? undefined
        : Promise.resolve(failure(code, 'InternalError', 'etcdserver: leader changed'));
    };
    expect(await take('first')).to.include({ podUID: 'first' });
    expect(failures).to.deep.equal([]);
  });

  it('checks pools that others have written with one reading of the network, but none written since', async () => {
    const other = new PoolStore(server.client, { logger: pino({ enabled: false }) });
    const at = (name: string): PoolRef => ({ ...pool, name });
    const readingsOf = async (...works: (() => Promise<unknown>)[]): Promise<number> => {
      let readings = 0;
      answer = (method, url) => {
        if (method === 'GET' && url.includes('/multinicnetworks/')) readings++;
        return undefined;
      };
      await Promise.all(works.map(work => work()));
      return readings;
    };
    const take = (name: string, pod: string): Promise<unknown> =>
      store.allocate(at(name), claim(pod), { timeoutMs: 4_700 });
    for (const name of ['a', 'b', 'c']) await other.allocate(at(name), claim('theirs'), { timeoutMs: 4_700 });
    expect(await readingsOf(() => take('c', 'one'))).to.equal(1);
    expect(await readingsOf(() => take('a', 'one'))).to.equal(0);
    expect(await readingsOf(() => take('b', 'one'))).to.equal(0);
    await other.allocate(at('d'), claim('theirs'), { timeoutMs: 4_700 });
    expect(await readingsOf(() => take('d', 'one')), 'written since').to.equal(1);
    await other.release('a', () => true, { timeoutMs: 4_700 });
    store.learn(await server.client.get(ipPools, { name: 'a' }));
    expect(await readingsOf(() => take('g', 'one'))).to.equal(1);
    const both = [() => take('a', 'two'), () => take('a', 'three')];
    expect(await readingsOf(...both), 'where only the same write has records').to.be.at.least(1);
    store.unfollow();
    expect(await readingsOf(() => take('d', 'four')), 'its own').to.equal(0);
    await other.allocate(at('e'), claim('theirs'), { timeoutMs: 4_700 });
    store.learn(await server.client.get(ipPools, { name: 'e' }));
    expect(await readingsOf(() => take('f', 'one'))).to.equal(1);
    expect(await readingsOf(() => take('e', 'one')), 'told before the reading').to.equal(0);
  });

  it('writes on what a watch has told of a pool, at once and after a conflict', async () => {
    const other = new PoolStore(server.client, { logger: pino({ enabled: false }) });
    const stored = (): Promise<IPPool> => server.client.get(ipPools, { name: pool.name });
    let isTheirs = false;
    const theirs = async (name: string): Promise<IPPool> => {
      isTheirs = true;
      await other.allocate(pool, claim(name), { timeoutMs: 4_700 });
      const written = await stored();
      isTheirs = false;
      return written;
    };
    const seen: string[] = [];
    const watchRequests = (before: (method: string) => Promise<void> = () => Promise.resolve()): void => {
      seen.length = 0;
      answer = (method, url, act) => {
        if (isTheirs || !url.includes('/ippools/')) return undefined;
        seen.push(method);
        return before(method).then(act);
      };
    };
    await take('first');
    store.learn(await stored());
    store.learn(await theirs('second'));
    watchRequests();
    await take('third');
    expect(seen).to.deep.equal(['PUT']);
    store.learn(await stored());
    // Another one is faster, and the watch tells of it before the refusal comes.
    let isBeaten = false;
    watchRequests(async method => {
      if (method !== 'PUT' || isBeaten) return;
      isBeaten = true;
      store.learn(await theirs('fourth'));
    });
    await take('fifth');
    expect(seen).to.deep.equal(['PUT', 'PUT']);
    const { allocations } = await store.read(pool.name, 1000);
    expect(allocations.map(({ name }) => name)).to.have.members(['first', 'second', 'third', 'fourth', 'fifth']);
    expect(new Set(allocations.map(({ nics }) => nics[0]?.addresses[0])).size).to.equal(5);
  });

  it('dates by the API server’s clock, so that addresses rest alike whosever clock is wrong', async () => {
    const at = (date: string): void => {
      headers = { date };
    };
    at('Thu, 01 Jan 2032 00:00:00 GMT');
    expect((await take('first')).since).to.match(/^2032-01-01T00:00/);
    await store.release(pool.name, () => true, { timeoutMs: 4_700 });
    await take('second');
    const states = async (): Promise<string[]> =>
      (await store.read(pool.name, 1000)).allocations.map(({ state }) => state);
    expect(await states()).to.deep.equal(['Released', 'Allocated']);
    at('Thu, 01 Jan 2032 00:01:01 GMT');
    store.unfollow();
    await take('third');
    expect(await states()).to.deep.equal(['Allocated', 'Allocated']);
  });

  it('believes an API server that has gone back in time, rather than what it knew before', async () => {
    const other = new PoolStore(server.client, { logger: pino({ enabled: false }) });
    const find = (uid: string): Promise<Allocation | undefined> => {
      const pod = { uid, namespace: 'default', name: uid };
      return store.find(pool.name, pod, { interfaceName: 'net1', timeoutMs: 4_700 });
    };
    const recorded = async (): Promise<string[]> =>
      (await other.read(pool.name, 1000)).allocations.map(({ name }) => name);
    for (const name of ['kept', 'lost', 'lost-too', 'seen-lost']) await take(name);
    store.learn(await server.client.get(ipPools, { name: pool.name }));
    objects = new ObjectStore();
    await createNetwork();
    await other.allocate(pool, claim('kept'), { timeoutMs: 4_700 });
    expect(await recorded()).to.deep.equal(['kept']);
    // Nothing has told of it yet.
    await take('lost');
    expect(await recorded()).to.deep.equal(['kept', 'lost']);
    store.unfollow();
    expect(await find('seen-lost')).to.equal(undefined);
    await take('lost-too');
    expect(await recorded()).to.deep.equal(['kept', 'lost', 'lost-too']);
  });

  it('checks a first record that it finds, because its writer may not have: the network may have been edited meanwhile', async () => {
    const edit = (generation: number): void => {
      answer = (method, url) =>
        url.includes('/multinicnetworks/') && method === 'GET'
          ? Promise.resolve({ status: 200, body: { metadata: { name: 'net', uid: pool.networkUid, generation } } })
          : undefined;
    };
    const refusedWith = async (code: string, timeoutMs?: number): Promise<void> => {
      expect(await refusal(take('first', timeoutMs))).to.have.property('code', code);
    };
    answer = (_, url) => (url.includes('/multinicnetworks/') ? Promise.resolve(noSpace) : undefined);
    await refusedWith('MNN_DEADLINE', 200);
    edit(2);
    await refusedWith('MNN_NETWORK_NOT_READY');
    // What a pod has it keeps: of this pod nobody knows whether it runs.
    const [kept] = (await store.read(pool.name, 1000)).allocations;
    expect(kept).to.include({ podUID: 'first', state: 'Allocated' });
    edit(1);
    expect(await take('first')).to.deep.equal(kept);
    edit(2);
    expect(await take('first'), 'checked, and alive').to.deep.equal(kept);
  });
});
