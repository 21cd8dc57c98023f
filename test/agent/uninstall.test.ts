import { join } from 'node:path';
import { expect } from 'chai';
import { KubeClient } from '../../kube/client.ts';
import { isUninstalled } from '../../agent/install/uninstall.ts';
import { startCluster, type Cluster } from '../cluster/index.ts';
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

  it('is not, while its DaemonSet is there, whatever becomes of its pod', async () => {
    expect(await isUninstalled(client, namespace)).to.equal(false);
    await cluster.kubectl(['-n', namespace, 'rollout', 'restart', 'daemonset/multi-nic-agent']);
    expect(await isUninstalled(client, namespace)).to.equal(false);
  });

  it('is, when its DaemonSet goes, or is gone', async () => {
    const finalizer = (list: string[]): string[] => [
      ...['patch', ...daemonSet, '--type=merge', '-p', JSON.stringify({ metadata: { finalizers: list } })],
    ];
    await cluster.kubectl(finalizer(['example.com/kept']));
    await cluster.kubectl(['delete', '--wait=false', ...daemonSet]);
    expect(await isUninstalled(client, namespace)).to.equal(true);
    await cluster.kubectl(finalizer([]));
    expect(await isUninstalled(client, namespace)).to.equal(true);
    await apply('daemonset.yaml');
    expect(await isUninstalled(client, namespace)).to.equal(false);
  });

  it('is, when its role is gone, which an uninstallation may take before', async () => {
    await cluster.kubectl(['-n', namespace, 'delete', 'rolebinding', 'multi-nic-agent']);
    expect(await isUninstalled(client, namespace)).to.equal(true);
    await apply('rbac.yaml');
    expect(await isUninstalled(client, namespace)).to.equal(false);
  });

  it('is not, when the API server does not answer', async () => {
    cluster.apiServer.pause();
    try {
      expect(await isUninstalled(client, namespace)).to.equal(false);
    } finally {
      cluster.apiServer.resume();
    }
    await cluster.waitUntilReady();
  });

  it('is, when its namespace goes', async () => {
    await cluster.kubectl(['delete', 'namespace', namespace, '--wait=false']);
    expect(await isUninstalled(client, namespace)).to.equal(true);
  });
});
