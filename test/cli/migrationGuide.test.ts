import { mkdtemp, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { systemNamespace } from '../../core/api/names.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { cidrs, hostInterfaces, ipPools, multiNicNetworks } from '../../kube/api/resources.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { runController } from '../controller/site.ts';
import { eventually } from '../eventually.ts';
import { applyManifests } from '../system/apply.ts';
import { followGuide } from '../system/guide.ts';
import { leaveBehind, oldHost, type OldNetwork, oldObjects, operator, runningPod } from './predecessor.ts';

const root = join(import.meta.dirname, '../..');

const train: OldNetwork = {
  name: 'train',
  octet: 200,
  indexes: { 'n-0': [4, 4], 'n-1': [1, 1] },
  records: [
    { pod: 'one', host: 'n-0', nic: 0, offset: 1 },
    { pod: 'other', host: 'n-1', nic: 1, offset: 3 },
  ],
};

describe('coming from multi-nic-cni, and back, as the guide says', function () {
  this.timeout(180_000);
  let cluster: Cluster;
  let client: KubeClient;
  /** A clone's manifests, and what the reader saves. */
  let cwd: string;

  before(async function () {
    this.timeout(900_000);
    const fakeNodes = [{ name: 'n-0' }, { name: 'n-1' }];
    cluster = await startCluster({ name: 'migration', fakeNodes, controllerManager: true }); // it ends namespaces
    client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig });
    await leaveBehind(cluster, [oldHost('n-0', 1), oldHost('n-1', 2), ...oldObjects(train), ...operator]);
    await cluster.kubectl(['label', 'hostinterface', 'n-1', 'multi-nic-unmanaged=true']);
    await runningPod(client, train, { name: 'one', host: 'n-0', at: [[0, 1]] });
    await runningPod(client, train, { name: 'other', host: 'n-1', at: [[1, 3]] });
    cwd = await mkdtemp(join(cluster.runFolder, 'reader-'));
    await symlink(join(root, 'manifests'), join(cwd, 'manifests'));
  });

  after(async () => {
    await client?.close();
    await cluster?.stop();
  });

  const follow = (id: string): Promise<string> => followGuide(cluster, id, { cwd });
  const lastLine = (printed: string): string => printed.trimEnd().split('\n').at(-1) ?? '';
  const saved = (file: string): Promise<string> => readFile(join(cwd, file), 'utf8');

  /** Whether the operator's CIDRs and IPPools show what they did. */
  async function showsOldObjects(): Promise<boolean> {
    const { stdout } = await cluster.kubectl(['get', 'cidrs,ippools', '-o', 'json']);
    return stdout.includes('"podCIDR": "10.200.64.64/26"') && stdout.includes('"address": "10.200.64.67"');
  }

  it('afresh: saves what is the user’s', async () => {
    await follow('coming-from-multi-nic-cni: save mine');
    expect(await saved('mine.yaml'))
      .to.match(/^ +kind: MultiNicNetwork$/m)
      .and.not.to.match(/- finalizers/);
    await cluster.kubectl(['apply', '--dry-run=server', '-f', join(cwd, 'mine.yaml')]);
    expect(await saved('hosts.yaml'))
      .to.match(/^ +name: n-1$/m)
      .and.not.to.match(/^ +name: n-0$/m);
  });

  it('saves everything, and tells which address each pod keeps', async () => {
    const printed = await follow('coming-from-multi-nic-cni: save');
    expect(printed)
      .to.contain('pod default/one keeps 10.200.1.1 ')
      .and.to.contain('pod default/other keeps 10.200.64.67 ');
    expect(lastLine(printed)).to.equal('1 networks, 2 attachments, 0 refusals: to be imported');
    expect(await saved('old-networks.yaml')).to.match(/^ +name: train$/m);
  });

  it('stops the operator, but for its objects', async () => {
    await follow('coming-from-multi-nic-cni: stop');
    const { stdout } = await cluster.kubectl([
      ...['-n', 'multi-nic-cni-operator', 'get', 'deployments,daemonsets'],
      ...['-o', 'jsonpath={range .items[*]}{.kind} {.spec.replicas}{end}'],
    ]);
    expect(stdout).to.equal('Deployment 0');
    expect(await showsOldObjects()).to.equal(true);
  });

  /** What there was looks empty then. */
  async function replaceSchemas(): Promise<void> {
    await follow('coming-from-multi-nic-cni: schemas');
    await eventually('the old objects to look empty', async () => !(await showsOldObjects()));
  }

  it('replaces the schemas; put back, they show the old objects again', async () => {
    await replaceSchemas();
    await follow('coming-from-multi-nic-cni: schemas back');
    await eventually('the old objects to show again', showsOldObjects);
    await replaceSchemas();
  });

  it('imports, and all agree, also when the controller runs', async () => {
    expect(lastLine(await follow('coming-from-multi-nic-cni: import'))).to.equal(
      '1 networks, 2 attachments, 0 refusals: imported',
    );
    await cluster.kubectl(['create', 'namespace', systemNamespace]);
    const controller = runController(client);
    try {
      await eventually('the controller has taken over', async () => {
        const { status } = await client.get(multiNicNetworks, { name: 'train' });
        return status?.discovery.cidrProcessed === 2;
      });
    } finally {
      await controller.stop();
    }
    expect(await follow('coming-from-multi-nic-cni: audit')).to.match(/^0 findings/);
    const { items } = await client.list(ipPools);
    expect(items.map(({ metadata }) => metadata.name)).to.have.members(['train.n-0', 'train.n-1']);
  });

  it('and goes back', async () => {
    await applyManifests(cluster, 'manifests/base/webhook/rbac.yaml');
    await follow('coming-from-multi-nic-cni: system away');
    const { stdout } = await cluster.kubectl(['get', 'namespaces,clusterroles,clusterrolebindings', '-o', 'name']);
    expect(stdout).not.to.contain('/multi-nic-webhook').and.not.to.contain(systemNamespace);
    await follow('coming-from-multi-nic-cni: way back');
    expect(await client.find(multiNicNetworks, { name: 'train' })).not.to.equal(undefined);
    expect(await showsOldObjects()).to.equal(true);
    for (const [resource, kind] of [
      [ipPools, 'ippool'],
      [cidrs, 'cidr'],
      [hostInterfaces, 'hostinterface'],
    ] as const) {
      const { items } = await client.list(resource as typeof ipPools);
      expect(items, kind).to.have.length({ ippool: 4, cidr: 1, hostinterface: 2 }[kind]);
      for (const { metadata } of items)
        expect(metadata.finalizers).to.deep.equal([`finalizers.${kind}.multinic.fms.io`]);
    }
  });

  it('a CIDR that is left can be deleted', async () => {
    await replaceSchemas();
    await follow('coming-from-multi-nic-cni: leftovers');
    expect((await client.list(cidrs)).items).to.deep.equal([]);
  });
});
