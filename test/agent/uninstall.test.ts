import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { pino } from 'pino';
import { Installation } from '../../agent/install/installation.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { ApiError } from '../../kube/api/errors.ts';
import { namespaces } from '../../kube/api/resources.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';
import { applyManifests } from '../system/apply.ts';

const namespace = 'multi-nic-system';
const daemonSet = ['-n', namespace, 'daemonset', 'multi-nic-agent'];

describe('agent: whether it is uninstalled', function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let client: KubeClient;

  before(async function () {
    this.timeout(900_000);
    // Without the controller manager: what is deleted with a finalizer, and a namespace, stays in its end.
    cluster = await startCluster({ name: 'uninstall' });
    const base = ['crds', 'namespace.yaml', 'agent/rbac.yaml', 'agent/daemonset.yaml'];
    await applyManifests(cluster, ...base.map(path => join('manifests/base', path)));
    const account = `system:serviceaccount:${namespace}:multi-nic-agent`;
    const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
    client = await KubeClient.connect({ kubeconfig: await cluster.kubeconfigFor(account, groups) });
  });
  after(async () => {
    await client?.close();
    await cluster?.stop();
  });

  const apply = (path: string): Promise<void> => applyManifests(cluster, join('manifests/base/agent', path));
  const newInstallation = (as = client): Installation => new Installation(as, namespace, pino({ level: 'silent' }));
  /** Whether the API server refuses its questions with this status. */
  const refused = async (status: number, as: KubeClient): Promise<boolean> => {
    const error = await as.find(namespaces, { name: namespace }).catch((thrown: unknown) => thrown);
    return error instanceof ApiError && error.status === status;
  };
  const takeRights = async (): Promise<void> => {
    await cluster.kubectl(['-n', namespace, 'delete', 'rolebinding', 'multi-nic-agent']);
    await cluster.kubectl(['delete', 'clusterrolebinding', 'multi-nic-agent']);
    await eventually('the end of its rights', () => refused(403, client));
  };
  const isGone = (as?: KubeClient): Promise<boolean> => newInstallation(as).isGone();
  const startWatching = async () => {
    const stopping = new AbortController();
    const installation = newInstallation();
    const ended = installation.start(stopping.signal);
    const stop = async (): Promise<void> => {
      stopping.abort();
      await ended;
    };
    await installation.untilWatched();
    expect(await installation.isGone()).to.equal(false);
    return { installation, stop, [Symbol.asyncDispose]: stop };
  };

  it('is not, while its DaemonSet is there, whatever becomes of its pod', async () => {
    expect(await isGone()).to.equal(false);
    await cluster.kubectl(['-n', namespace, 'rollout', 'restart', 'daemonset/multi-nic-agent']);
    expect(await isGone()).to.equal(false);
  });

  it('is, when its DaemonSet goes, or is gone', async () => {
    const finalizer = (list: string[]): string[] => [
      ...['patch', ...daemonSet, '--type=merge', '-p', JSON.stringify({ metadata: { finalizers: list } })],
    ];
    await cluster.kubectl(finalizer(['example.com/kept']));
    await cluster.kubectl(['delete', '--wait=false', ...daemonSet]);
    expect(await isGone()).to.equal(true);
    await cluster.kubectl(finalizer([]));
    expect(await isGone()).to.equal(true);
    await apply('daemonset.yaml');
    expect(await isGone()).to.equal(false);
  });

  it('tells whether the next agent chains the primary network, as long as the API server says so', async () => {
    const folder = '/etc/cni/net.d';
    expect(await newInstallation().chains(folder)).to.equal(false);
    const args = (value: string[]): string[] => [
      ...['patch', ...daemonSet, '--type=json', '-p'],
      JSON.stringify([{ op: 'replace', path: '/spec/template/spec/containers/0/args', value }]),
    ];
    for (const given of [[`--chain=${folder}`], ['--chain', folder]]) {
      await cluster.kubectl(args(given));
      expect(await newInstallation().chains(folder), given.join(' ')).to.equal(true);
    }
    await cluster.kubectl(args(['--chain=/elsewhere']));
    expect(await newInstallation().chains(folder)).to.equal(false);
    cluster.apiServer.pause();
    try {
      expect(await newInstallation().chains(folder)).to.equal(true);
    } finally {
      cluster.apiServer.resume();
    }
    await cluster.waitUntilReady();
    await apply('daemonset.yaml');
  });

  it('is not, when somebody has taken its rights (403)', async () => {
    await takeRights();
    expect(await isGone()).to.equal(false);
    await apply('rbac.yaml');
  });

  it('is not, when the API server does not take its token (401)', async () => {
    const config = JSON.parse(await readFile(cluster.kubeconfig, 'utf8')) as { users: object[] };
    const users = [{ ...config.users[0], user: { token: 'expired' } }];
    const kubeconfig = join(cluster.runFolder, 'expired.kubeconfig');
    await writeFile(kubeconfig, JSON.stringify({ ...config, users }));
    const stranger = await KubeClient.connect({ kubeconfig });
    try {
      expect(await refused(401, stranger)).to.equal(true);
      expect(await isGone(stranger)).to.equal(false);
    } finally {
      await stranger.close();
    }
  });

  it('is not, when the API server does not answer', async () => {
    cluster.apiServer.pause();
    try {
      expect(await isGone()).to.equal(false);
    } finally {
      cluster.apiServer.resume();
    }
    await cluster.waitUntilReady();
  });

  it('is, when its account goes and the namespace stays; and is not, when somebody has made the account again', async () => {
    await using watching = await startWatching();
    const { installation } = watching;
    await cluster.kubectl(['-n', namespace, 'delete', 'serviceaccount', 'multi-nic-agent']);
    await takeRights();
    expect(await isGone()).to.equal(false);
    await eventually('the end of the account', () => installation.isGone(), 20_000);
    await apply('rbac.yaml');
    await eventually('the account that is back', async () => !(await installation.isGone()), 20_000);
  });

  it('is, when its namespace goes, also where all its rights go with that', async () => {
    await using watching = await startWatching();
    const { installation } = watching;
    await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
    expect(await isGone()).to.equal(true);
    await takeRights();
    expect(await isGone()).to.equal(false);
    expect(await installation.isGone()).to.equal(true);
    await watching.stop();
    expect(await installation.isGone()).to.equal(true);
  });
});
