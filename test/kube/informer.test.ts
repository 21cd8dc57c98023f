import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect } from 'chai';
import { Backoff } from '../../kube/api/backoff.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { customResourceDefinitions, type Lease, leases, multiNicNetworks } from '../../kube/api/resources.ts';
import { Informer, type InformerOptions } from '../../kube/watch/informer.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';
import { base64, compact, createLeases, etcd, lease, readableLogger, silent, takeSnapshot } from './support.ts';

type Seen = [change: string, name: string];

describe('Informer, against a real API server', function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let client: KubeClient;
  let stopping: AbortController;
  const ended: Promise<void>[] = [];

  before(async function () {
    this.timeout(900_000);
    // Without the watch cache a compaction of etcd reaches watches at once, as 410.
    cluster = await startCluster({ name: 'informer', nodes: 0, apiServerArgs: ['--watch-cache=false'] });
    client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig });
    await createLeases(client, ['lasting', 'doomed']);
  });

  beforeEach(() => {
    stopping = new AbortController();
  });

  afterEach(async () => {
    stopping.abort();
    await Promise.all(ended.splice(0));
  });

  after(async () => {
    await client?.close();
    await cluster?.stop();
  });

  async function watchLeases(options: Partial<InformerOptions<Lease>> = {}) {
    const seen: Seen[] = [];
    const ends: string[] = [];
    let lists = 0;
    const informer = new Informer<Lease>({
      client,
      resource: leases,
      namespace: 'default',
      logger: silent,
      backoff: new Backoff({ minMs: 20, maxMs: 200 }),
      observer: { listed: () => lists++, watchEnded: (_, reason) => void ends.push(reason) },
      ...options,
    });
    informer.addHandlers({
      added: ({ metadata }) => void seen.push(['added', metadata.name]),
      updated: ({ metadata }) => void seen.push(['updated', metadata.name]),
      deleted: ({ metadata }) => void seen.push(['deleted', metadata.name]),
    });
    ended.push(informer.start(stopping.signal));
    await informer.synced;
    return { informer, seen, ends, lists: () => lists };
  }

  it('copies, follows, trims and freezes', async () => {
    const { informer, seen } = await watchLeases();
    expect(informer.hasSynced).to.equal(true);
    const created = await client.create(leases, lease('followed', { holderIdentity: 'me' }));
    const copy = await eventually('the new object', () => informer.get(created.metadata));
    expect(copy.metadata).to.not.have.property('managedFields');
    expect(() => (copy.spec!.holderIdentity = 'x')).to.throw(TypeError);

    await client.patch(leases, created.metadata, 'merge', { spec: { holderIdentity: 'you' } });
    await eventually('the change', () => informer.get(created.metadata)?.spec?.holderIdentity === 'you');

    await client.delete(leases, created.metadata);
    await eventually('the deletion', () => informer.get(created.metadata) === undefined);
    expect(seen.filter(([, name]) => name === 'followed')).to.deep.equal([
      ['added', 'followed'],
      ['updated', 'followed'],
      ['deleted', 'followed'],
    ]);
  });

  it('tells handlers that are added late what is there, and guards all of them', async () => {
    const { logger, lines } = readableLogger();
    const { informer } = await watchLeases({ logger });
    const names: string[] = [];
    informer.addHandlers({
      added: () => {
        throw new Error('a broken handler');
      },
    });
    informer.addHandlers({ added: () => Promise.reject(new Error('a broken promise')) });
    informer.addHandlers({ added: ({ metadata }) => void names.push(metadata.name) });
    await eventually('the rejections', () => lines.some(({ err }) => err?.message === 'a broken promise'));
    expect(names).to.include.members(['lasting', 'doomed']);
    expect(lines.some(({ err }) => err?.message === 'a broken handler')).to.equal(true);
  });

  it('tells a deletion that it missed while the API server was away', async () => {
    const { informer, seen } = await watchLeases();
    await cluster.apiServer.stop();
    // Deleted in etcd itself, and forgotten there: no watch can tell.
    await etcd(cluster, 'deleterange', { key: base64('/registry/leases/default/doomed') });
    await compact(cluster);
    cluster.apiServer.start();
    await cluster.waitUntilReady();
    await eventually('the deletion', () => informer.get('default/doomed') === undefined);
    expect(seen.filter(([, name]) => name === 'doomed')).to.deep.equal([
      ['added', 'doomed'],
      ['deleted', 'doomed'],
    ]);
    expect(seen.filter(([, name]) => name === 'lasting')).to.deep.equal([['added', 'lasting']]);
  });

  it('lists again when its version was compacted away, and misses nothing', async () => {
    // Watches of one second: each next one starts from a version that is old by then, as nothing of ours changes.
    const { informer, ends, lists } = await watchLeases({
      watchSeconds: 0.5,
      fieldSelector: 'metadata.name=compacted',
    });
    await createLeases(client, ['other-1', 'other-2', 'other-3']);
    await compact(cluster);
    await eventually('a watch that ends with 410', () => ends.includes('gone'));
    await eventually('a second list', () => lists() >= 2);
    await client.create(leases, lease('compacted'));
    await eventually('the object', () => informer.get('default/compacted'));
  });

  it('notices a watch that has fallen silent, and goes on from where it was', async () => {
    const { informer, ends, lists } = await watchLeases({ inactivityMs: 400 });
    cluster.apiServer.pause();
    try {
      await eventually('the silence being noticed', () => ends.includes('inactive'));
    } finally {
      cluster.apiServer.resume();
    }
    await client.create(leases, lease('after-silence'));
    await eventually('the object', () => informer.get('default/after-silence'));
    expect(lists()).to.equal(1);
  });

  for (const [when, options] of [
    ['when the API server is back', { expectsRestoration: true }],
    ['once nothing has come for long', { inactivityMs: 1000, expectsRestoration: false }],
  ] as const) {
    it(`goes back in time with etcd, where that is restored from a snapshot, ${when}`, async () => {
      const { informer, seen } = await watchLeases({ ...options, listFromCache: true });
      const [kept, forgotten, after] = ['kept', 'forgotten', 'after'].map(what => `${what}-${randomUUID()}`);
      await client.create(leases, lease(kept!));
      await using snapshot = await takeSnapshot(cluster);
      const filler = Array.from({ length: 400 }, (_, i) => `filler-${i}-${forgotten}`);
      await createLeases(client, [forgotten!, ...filler]);
      await eventually('the object', () => informer.get(`default/${forgotten}`));
      await snapshot.restore();
      await eventually('it to be gone', () => informer.get(`default/${forgotten}`) === undefined);
      expect(seen).to.deep.include(['deleted', forgotten]);
      expect(informer.get(`default/${kept}`)).to.be.an('object');
      await client.create(leases, lease(after!));
      await eventually('the object', () => informer.get(`default/${after}`));
    });
  }

  it('waits for a resource that is not installed yet, and says so once', async () => {
    const { logger, lines } = readableLogger();
    const informer = new Informer({
      client,
      resource: multiNicNetworks,
      logger,
      backoff: new Backoff({ minMs: 20, maxMs: 100 }),
    });
    ended.push(informer.start(stopping.signal));
    await eventually('some attempts', () => lines.length >= 3);
    expect(informer.hasSynced).to.equal(false);
    const warnings = lines.filter(({ level }) => level >= 40);
    expect(warnings.map(({ msg }) => msg)).to.have.length(1);
    expect(warnings[0]!.msg).to.include('is the CustomResourceDefinition installed?');

    const { group, kind, plural } = multiNicNetworks;
    await client.create(customResourceDefinitions, {
      metadata: { name: `${plural}.${group}` },
      spec: {
        group,
        names: { kind, plural },
        scope: 'Cluster',
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } as object },
          },
        ],
      },
    });
    await informer.synced;
    expect(informer.size).to.equal(0);
  });

  it('ends with nothing left that keeps a process alive, also while the API server is silent', async () => {
    const kube = join(import.meta.dirname, '../../kube');
    const program = `
      import { KubeClient } from ${JSON.stringify(join(kube, 'api/client.ts'))};
      import { Informer } from ${JSON.stringify(join(kube, 'watch/informer.ts'))};
      import { leases } from ${JSON.stringify(join(kube, 'api/resources.ts'))};
      const logger = { debug() {}, info() {}, warn() {}, error() {} };
      const client = await KubeClient.connect({ kubeconfig: ${JSON.stringify(cluster.kubeconfig)} });
      const informer = new Informer({ client, resource: leases, logger });
      const stopping = new AbortController();
      const ended = informer.start(stopping.signal);
      await informer.synced;
      console.log('synced');
      process.stdin.once('data', async () => {
        process.stdin.destroy();
        stopping.abort();
        await ended;
        await client.close();
        console.log('stopped');
      });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await eventually('the copy', () => output === 'synced\n');
    cluster.apiServer.pause();
    try {
      const exited = once(child, 'exit');
      child.stdin.write('stop\n');
      const [code] = (await exited) as [number | null];
      expect({ code, output }).to.deep.equal({ code: 0, output: 'synced\nstopped\n' });
    } finally {
      cluster.apiServer.resume();
    }
  });
});
