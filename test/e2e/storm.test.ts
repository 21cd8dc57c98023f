import { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { readBundle } from '../../certs/bundle.ts';
import { apiVersion, certificates, systemNamespace } from '../../core/api/names.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { hostInterfaces, type Pod, pods, secrets } from '../../kube/api/resources.ts';
import { type Cluster, type ClusterNode, startCluster } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';
import { startReleasers } from '../faults/releasers.ts';
import { settled } from '../faults/settled.ts';
import { Storm } from '../faults/storm.ts';
import { install, loadImages, reachesServices } from '../system/fromImages.ts';
import { killProgram } from './processes.ts';
import { namespace, Site } from './site.ts';

/** Nodes without a machine, where most of the pods go. What is installed looks for Linux. */
const fakeNames = ['fake-1', 'fake-2', 'fake-3'];
const fakeNodes = fakeNames.map(name => ({ name, labels: { 'kubernetes.io/os': 'none' } }));
const secretRef = { namespace: systemNamespace, name: certificates.secret };

/** The steps of a rotation without their long waits; see docs/guides/certificates.md. */
const quickRotations = ['--ca-propagation=5s', '--ca-overlap=10s'];

/** Of those pods that really run, each node keeps so many. */
const keptOnNode = 4;

describe('a storm over an installation from images', function () {
  this.timeout(900_000);
  let cluster: Cluster;
  let client: KubeClient;
  let site: Site;
  let releasers: AsyncDisposable;

  before(async function () {
    this.timeout(900_000);
    cluster = await startCluster({ name: 'storm', nodes: 2, nics: 2, fakeNodes, apiServerArgs: reachesServices });
    client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig, maxConnections: 64 });
    site = new Site(cluster, client);
    await loadImages(cluster);
    // As self-managed, and without Multus.
    await install(cluster, 'chained');
    const args = [{ op: 'add', path: '/spec/template/spec/containers/0/args', value: quickRotations }];
    for (const webhook of webhooks) {
      await system('patch', webhook, '--type=json', '-p', JSON.stringify(args));
      await rolledOut(webhook);
    }
    for (const [i, name] of fakeNames.entries()) await createFakeHost(name, 200 + i);
    await site.createNetworks();
    releasers = await startReleasers(cluster, fakeNames);
  });

  after(async function () {
    this.timeout(60_000);
    await releasers?.[Symbol.asyncDispose]();
    await client?.close();
    await cluster?.stop();
  });

  const webhooks = ['deployment/multi-nic-webhook', 'deployment/multi-nic-webhook-spare'];
  const agents = ['daemonset/multi-nic-agent'];
  const system = (...args: string[]) => cluster.kubectl(['-n', systemNamespace, ...args]);
  const rolledOut = (what: string) => system('rollout', 'status', what, '--timeout=180s');

  async function createFakeHost(name: string, last: number): Promise<void> {
    const interfaces = (cluster.nodes[0]?.nics ?? []).map(({ name: interfaceName, subnet: netAddress }) => ({
      ...{ interfaceName, netAddress, linkState: 'up' as const },
      hostIP: netAddress.replace('.0/24', `.${last}`),
    }));
    const spec = { hostName: name, interfaces };
    await client.create(hostInterfaces, { apiVersion, kind: 'HostInterface', metadata: { name }, spec });
  }

  async function webhookPods(): Promise<Pod[]> {
    const labelSelector = 'app.kubernetes.io/name=multi-nic-webhook';
    const { items } = await client.list(pods, { namespace: systemNamespace, labelSelector });
    return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  }

  const isReady = ({ status }: Pod): boolean =>
    status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false;

  /** The authority that signs, where the stored leaf is signed by it. */
  async function signer(): Promise<string | undefined> {
    const { data = {} } = (await client.find(secrets, secretRef)) ?? {};
    const [authorities = '', leaf = ''] = [data['ca.crt'], data['tls.crt']].map(text =>
      Buffer.from(text ?? '', 'base64').toString(),
    );
    const [authority] = readBundle(authorities);
    if (!authority || leaf === '') return undefined;
    return new X509Certificate(leaf).checkIssued(new X509Certificate(authorities)) ? authority.id : undefined;
  }

  /** As docs/guides/certificates.md forces it: a new authority, and a leaf of it. */
  async function rotate(): Promise<void> {
    const before = await eventually('an authority', signer);
    await client.delete(secrets, secretRef);
    await eventually('another authority', async () => {
      const now = await signer();
      return now !== undefined && now !== before;
    });
  }

  async function roll(parts: readonly string[]): Promise<void> {
    await system('rollout', 'restart', ...parts);
    await Promise.all(parts.map(rolledOut));
  }

  /** Each replica dies as in a crash, one after the other. */
  async function killReplicas(): Promise<void> {
    for (const { metadata } of await webhookPods()) {
      killProgram(metadata.name);
      await eventually('the killed replica to be missed', async () => !(await webhookPods()).every(isReady));
      await eventually('it to be back', async () => (await webhookPods()).every(isReady));
    }
  }

  /** Pods that run, one after the other, on a node with NICs. @returns how many */
  async function runPods(node: ClusterNode, isOver: () => boolean, failed: string[]): Promise<number> {
    for (let i = 0; ; i++) {
      if (i >= keptOnNode) await client.delete(pods, { namespace, name: `real-${node.name}-${i - keptOnNode}` });
      if (isOver()) return i;
      const created = await site.create(`real-${node.name}-${i}`, node).catch((error: unknown) => {
        failed.push(String(error));
      });
      if (created) await site.running(created.metadata.name);
      await sleep(1000);
    }
  }

  it('1,000 pods are created while certificates rotate, webhooks and agents roll, and replicas are killed: none fails, and no ping is lost', async () => {
    const [left, right] = cluster.nodes as [ClusterNode, ClusterNode];
    await site.create('left', left);
    await site.create('right', right);
    const pings = await site.startPings(await site.running('left'), await site.running('right'));
    const storm = new Storm(client, 'many', { namespace, nodeNames: fakeNames });
    let over = false;
    const isOver = (): boolean => over;
    const rotations = async (): Promise<void> => {
      for (let rotation = 0; rotation < 3; rotation++) await rotate();
    };
    const restarts = async (): Promise<void> => {
      await roll(webhooks);
      await killReplicas();
      await roll(agents);
    };
    const ran = await Promise.all([
      ...cluster.nodes.map(node => runPods(node, isOver, storm.failed)),
      storm.run(1000, { users: 8, pauseMs: 800, isOver }),
      Promise.all([rotations(), restarts()]).finally(() => (over = true)),
    ]).finally(() => {
      storm.stop();
    });
    const unheard = await Promise.all(pings.map(ping => ping.stop()));
    const sent = unheard.map(ping => ping.sent);
    console.log(`      ${storm.created} pods, ${ran.slice(0, 2).join(' and ')} that ran, ${sent.join(', ')} pings`);
    expect(storm.failed).to.deep.equal([]);
    expect(storm.wrong).to.deep.equal([]);
    const lost = unheard.flatMap(({ lost: numbers }, i) =>
      numbers.map(number => `${number} from ${pings[i]?.path.pod} to ${pings[i]?.path.address}`),
    );
    expect(lost).to.deep.equal([]);
    expect(storm.created).to.be.at.least(1000);
    await storm.startAll();
    await settled(client);
    await storm.deleteAll();
    await settled(client);
  });

  it('a route broken by hand is heard of by the pings', async () => {
    const [ping] = await site.startPings(await site.running('left'), await site.running('right'));
    const [node] = cluster.nodes;
    const heard = (await ping!.answered()).length;
    await node!.exec(['ip', 'rule', 'add', 'pref', '1', 'to', ping!.path.address, 'blackhole']);
    await sleep(1000);
    await node!.exec(['ip', 'rule', 'del', 'pref', '1']);
    await eventually('answers again', async () => (await ping!.answered()).length > heard + 15);
    expect((await ping!.stop()).lost).not.to.be.empty;
  });
});
