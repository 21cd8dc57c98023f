import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { run } from '../../build/run.ts';
import { chainedFile } from '../../core/cni/chainedList.ts';
import { type Cluster, type ClusterNode, startCluster } from '../cluster/index.ts';
import { demoDeployment } from '../demo/manifests.ts';
import { eventually } from '../eventually.ts';
import { reachesServices } from '../system/fromImages.ts';
import { followGuide, type GuideOptions } from '../system/guide.ts';
import { blocks, shellBlock } from '../system/pages.ts';

const root = join(import.meta.dirname, '../..');
const gettingStarted = 'docs/guides/getting-started.md';

/** Lines of a table that kubectl printed, in cells. */
const rows = (table: string): string[][] =>
  table
    .trimEnd()
    .split('\n')
    .map(line => line.trimEnd().split(/\s{2,}/));

describe('the guides, done by a reader in order', function () {
  this.timeout(300_000);
  let cluster: Cluster;

  before(async function () {
    this.timeout(900_000);
    cluster = await startCluster({ name: 'guides', nodes: 2, nics: 2, apiServerArgs: reachesServices });
  });

  after(async function () {
    this.timeout(60_000);
    await cluster?.stop();
  });

  const follow = (id: string, options?: GuideOptions): Promise<string> => followGuide(cluster, id, options);

  /** Until a block prints what it should. */
  const shows = (id: string, pattern: RegExp, options?: GuideOptions): Promise<string> =>
    eventually(`${id} prints ${pattern}`, async () => {
      const printed = await follow(id, options);
      expect(printed).to.match(pattern);
      return printed;
    });

  /** That a table has the columns which the page shows. */
  function expectColumns(id: string, printed: string): void {
    expect(rows(printed)[0]).to.deep.equal(rows(shellBlock(id).shown!)[0]);
  }

  const apply = (input: string, ...args: string[]) => cluster.kubectl(['apply', '-f', '-', ...args], { input });

  async function workerNode(): Promise<string> {
    const { stdout } = await cluster.kubectl([
      ...['-n', 'team-a', 'get', 'pods', '-l', 'app=workers'],
      ...['-o', 'jsonpath={.items[0].spec.nodeName}'],
    ]);
    return stdout;
  }

  const onNode = async (node: ClusterNode, id: string): Promise<string> =>
    (await node.exec(['sh', '-euc', shellBlock(id).text])).stdout;

  it('images: are built and loaded', async () => {
    expect(await follow('install: images')).to.contain('dist/images/multi-nic.tar');
    for (const node of cluster.nodes) await node.importImage(join(root, 'dist/images/multi-nic.tar'));
  });

  it('getting started: installs, and sees every node with its NICs', async () => {
    await follow('getting-started: install');
    await follow('install: rolled out');
    const printed = await shows('getting-started: hosts', /node-1[^]*node-2/);
    expectColumns('getting-started: hosts', printed);
    expect(
      rows(printed)
        .slice(1)
        .map(cells => cells.slice(0, 5)), // whether peers answer is known later
    ).to.deep.equal(
      cluster.nodes.map(({ name, nics }) => [name, ...nics.flatMap(nic => [nic.name, nic.address.split('/')[0]])]),
    );
  });

  it('getting started: makes a network, which is ready soon', async () => {
    const [network = ''] = blocks(gettingStarted, 'yaml');
    // What this kernel has.
    await apply(network.replace(/type: ipvlan\n +args:\n +mode: l3/, 'type: ptp'));
    const printed = await shows('getting-started: network', /^compute .* 2 .*Success +Success +True/m);
    expectColumns('getting-started: network', printed);
    await follow('status: wait');
  });

  it('getting started: labels a namespace, whose pods get their interfaces', async () => {
    const [, namespace = ''] = blocks(gettingStarted, 'yaml');
    await apply(namespace);
    await apply(demoDeployment(2), '--namespace=team-a');
    await cluster.kubectl(['-n', 'team-a', 'rollout', 'status', 'deployment/workers', '--timeout=120s']);
    const interfaces = (printed: string): string[] =>
      [...printed.matchAll(/^\d+: (\S+) +inet (\S+)/gm)].map(([, name, address]) => `${name} ${address}`);
    const seen = interfaces(await follow('getting-started: addresses'));
    expect(seen.map(line => line.split(' ')[0])).to.deep.equal(['lo', 'eth0', 'net1-0', 'net1-1']);
    expect(seen[2]).to.match(/ 10\.200\.0\.\d+\/32$/);
    expect(seen[3]).to.match(/ 10\.200\.64\.\d+\/32$/);
    const shown = interfaces(shellBlock('getting-started: addresses').shown!);
    expect(shown.map(line => line.split(' ')[0])).to.deep.equal(seen.map(line => line.split(' ')[0]));
    expect(await follow('getting-started: records')).to.match(
      /^Allocated team-a\/workers-\S+ net1 eth1@\S+=10\.200\.0\.\d+\/18 eth2@\S+=10\.200\.64\.\d+\/18 /m,
    );
    expect(await follow('getting-started: pools')).to.match(
      /^compute\.node-1 +compute +node-1 +10\.200\.0\.0\/26 +1 /m,
    );
  });

  it('jobs that use the NICs: each pod has its addresses, and one reaches another’s', async () => {
    const printed = await shows('training-jobs: addresses', /"net1-1"[^]*"net1-1"/);
    const own = printed.slice(printed.lastIndexOf('workers-'));
    const [, address = ''] = /"net1-0",\s*"ips": \[\s*"([^"]+)"/.exec(own) ?? [];
    expect(address).to.match(/^10\.200\./);
    expect(await follow('training-jobs: ping', { replace: { '10.200.0.65': address } })).to.match(/ 0% packet loss/);
  });

  it('status, attach policies: see who has which address, and what the scheduler knows', async () => {
    const replace = { 'gpu-07': await workerNode() };
    expect(await follow('status: records', { replace })).to.match(
      /^Allocated team-a\/workers-\S+ net1 .*@.*=10\.200\./m,
    );
    const printed = await follow('attach-policies: nodes');
    expect(printed).to.match(/^ +multinic\.fms\.io\/compute: +62$/m);
    expect(printed).to.match(/nics\.multinic\.fms\.io\/compute=2$/m);
  });

  it('writing a network: tries before storing', async () => {
    const cwd = await mkdtemp(join(cluster.runFolder, 'reader-'));
    const [network = ''] = blocks('docs/guides/writing-a-network.md', 'yaml');
    await writeFile(join(cwd, 'network.yaml'), network);
    expect(await follow('writing-a-network: dry run', { cwd })).to.match(/created \(server dry run\)$/m);
    expect(await follow('troubleshooting: network')).not.to.contain(
      (parse(network) as { metadata: { name: string } }).metadata.name,
    );
  });

  it('troubleshooting: finds out what is the matter', async () => {
    expect(await follow('troubleshooting: network')).to.match(/^ +Type: +Ready$/m);
    const node = await workerNode();
    const log = await follow('troubleshooting: agent of a node', { replace: { NODE: node } });
    expect(log).to.contain(`"node":"${node}"`);
    await apply(
      demoDeployment(1)
        .replaceAll('workers', 'refused')
        .replace('labels: {app: refused}', '$&, annotations: {multinic.fms.io/networks: nowhere}'),
      '--namespace=team-a',
    );
    await shows('troubleshooting: refused', /MNN_NETWORK_UNKNOWN/);
    expect(await follow('troubleshooting: audit')).to.match(/^0 findings/);
    expect(await follow('troubleshooting: webhook')).to.match(
      /endpointslice\S*\/multi-nic-webhook-\S+ +IPv4 +\S+ +\d+\.[^]*\n[1-9]\d*$/m,
    );
  });

  it('troubleshooting: routes to every other host over each NIC', async () => {
    const [node, other] = cluster.nodes as [ClusterNode, ClusterNode];
    const printed = await onNode(node, 'troubleshooting: routes');
    expect(printed).to.match(/from 10\.200\.0\.0\/16 lookup \d+/);
    for (const { name, address } of other.nics) {
      expect(printed).to.match(
        new RegExp(`^10\\.200\\.\\d+\\.\\d+/26 via ${address.split('/')[0]} dev ${name} table \\d+`, 'm'),
      );
    }
  });

  it('coming from multi-nic-cni: the operator’s rule and routes go, the agent’s stay', async () => {
    const [node] = cluster.nodes as [ClusterNode];
    const before = await onNode(node, 'troubleshooting: routes');
    const table = ['mkdir -p /etc/iproute2', 'echo "200 train" >> /etc/iproute2/rt_tables'];
    const left = ['ip rule add from 10.200.0.0/16 lookup train', 'ip route add 10.200.0.64/26 dev eth1 table train'];
    await node.exec(['sh', '-euc', [...table, ...left].join('\n')]);
    await onNode(node, 'coming-from-multi-nic-cni: routes');
    expect(await onNode(node, 'troubleshooting: routes')).to.equal(before);
    expect((await node.exec(['ip', 'route', 'show', 'table', '200'])).stdout).to.equal('');
  });

  it('without Multus: has the agents chain the primary network, in a copy', async () => {
    expect(await follow('without-multus: install')).to.contain('daemonset.apps/multi-nic-agent unchanged');
    const [shown = ''] = blocks('docs/guides/without-multus.md', 'json');
    const last = (text: string): unknown => (JSON.parse(text) as { plugins: unknown[] }).plugins.at(-1);
    for (const node of cluster.nodes) {
      const copy = node.path(`/etc/cni/net.d/${chainedFile}`);
      expect(existsSync(copy)).to.equal(true);
      expect(last(await readFile(copy, 'utf8'))).to.deep.equal(last(shown));
    }
  });

  it('without Multus: no copy of the primary network is left where the agents chain it no more', async () => {
    await follow('without-multus: over to Multus', { overlay: 'self-managed' });
    for (const node of cluster.nodes) {
      expect(await readdir(node.path('/etc/cni/net.d')), node.name).not.to.include(chainedFile);
    }
  });
});

describe('the demo, as the guide begins', () => {
  it('tells its story', async function () {
    this.timeout(600_000);
    const { stdout } = await run(['sh', '-eu', '-c', shellBlock('getting-started: demo').text], { cwd: root });
    expect(stdout).to.match(/^workers-\S+ +node-\d +net1-1 /m);
    expect(stdout)
      .to.match(/^PINGS/m)
      .and.not.to.contain('FAILED');
    expect(stdout).to.contain('MNN_CAPACITY');
  });
});
