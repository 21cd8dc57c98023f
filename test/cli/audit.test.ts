import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse, stringify } from 'yaml';
import { run, type RunResult } from '../../build/run.ts';
import { formatFound } from '../../core/annotation/foundInterfaces.ts';
import { annotation, apiGroup, apiVersion } from '../../core/api/names.ts';
import type { AuditFinding } from '../../core/audit/types.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { cidrs, ipPools, multiNicNetworks, type Pod, pods } from '../../kube/api/resources.ts';
import type { AuditResult } from '../../kube/audit/clusterAudit.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { createPoolWith, network } from '../controller/support.ts';
import { applyManifests } from '../system/apply.ts';
import { recordOf, runningPod } from './auditedObjects.ts';

const root = join(import.meta.dirname, '../..');

describe('kubectl-multinic audit, against a real API server', function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let client: KubeClient;
  /** Of a cluster in which nothing is installed. */
  let elsewhere: RunResult;

  before(async function () {
    this.timeout(900_000);
    cluster = await startCluster({ name: 'audit', fakeNodes: [{ name: 'n-0' }, { name: 'n-1' }] });
    client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig });
    elsewhere = await audit();
    await applyManifests(cluster, 'manifests/base/crds');
    await client.create(multiNicNetworks, network('audited'));
    await giveInterface('audited');
    await client.create(cidrs, {
      apiVersion,
      kind: 'CIDR',
      metadata: { name: 'audited-0' },
      spec: { network: 'audited', page: 0, hosts: [{ hostName: 'n-0', hostIndex: 0 }] },
    });
  });

  afterEach(async () => {
    for (const { metadata } of (await client.list(ipPools)).items) await client.delete(ipPools, metadata);
    for (const { metadata } of (await client.list(pods)).items) {
      await client.delete(pods, metadata, { gracePeriodSeconds: 0 });
    }
  });
  after(async () => {
    await client?.close();
    await cluster?.stop();
  });

  it('reports a cluster in which all agree as clean, also pods that carry no label of ours', async () => {
    const injected = await runningPod(client, 'injected', '10.200.0.1/18');
    const plain = await runningPod(client, 'plain', '10.200.0.2/18', { isInjected: false });
    await createPoolWith(client, 'audited.n-0', { network: 'audited', hostName: 'n-0', blocks: [] }, [
      recordOf(injected, '10.200.0.1/18'),
      recordOf(plain, '10.200.0.2/18'),
      { ...recordOf({ name: 'was', uid: 'was' }, '10.200.0.3/18'), state: 'Released' },
      { ...recordOf({ name: 'new', uid: 'new' }, '10.200.0.4/18'), since: new Date().toISOString() },
    ]);
    const { code, stdout } = await audit();
    expect(stdout).to.equal('0 findings: duplicate 0, leak 0, missing 0, foreign 0, unreadable 0\n');
    expect(code).to.equal(0);
  });

  it('reports each kind of disagreement with the names of its objects', async () => {
    const one = await runningPod(client, 'one', '10.200.0.1/18');
    const two = await runningPod(client, 'two', '10.200.0.1/18');
    const three = await runningPod(client, 'three', '10.200.0.3/18', { actual: '10.200.0.33' });
    await runningPod(client, 'four', '10.200.0.4/18');
    await createPoolWith(client, 'audited.n-0', { network: 'audited', hostName: 'n-0', blocks: [] }, [
      recordOf(one, '10.200.0.1/18'),
      recordOf(two, '10.200.0.1/18'),
      recordOf(three, '10.200.0.3/18'),
      recordOf({ name: 'gone', uid: 'gone' }, '10.200.0.5/18'),
    ]);
    await createPoolWith(client, 'audited.n-9', { network: 'audited', hostName: 'n-9', blocks: [] }, [
      recordOf({ name: 'elsewhere', uid: 'elsewhere' }, '10.200.9.5/18'),
    ]);
    const { code, stdout } = await audit('-o', 'json');
    expect(code).to.equal(1);
    const { findings, counts } = JSON.parse(stdout) as { findings: AuditFinding[]; counts: object };
    expect(counts).to.deep.equal({ duplicate: 1, leak: 1, missing: 1, foreign: 2, unreadable: 0 });
    expect(findings.map(({ kind, objects }) => [kind, ...objects])).to.deep.equal([
      ['duplicate', 'ippool audited.n-0', 'pod default/one', 'pod default/two'],
      ['leak', 'pod default/gone', 'ippool audited.n-0'],
      ['missing', 'pod default/four'],
      ['foreign', 'ippool audited.n-9'],
      ['foreign', 'pod default/three', 'node n-0'],
    ]);

    const { stdout: table } = await audit('--network', 'audited');
    expect(table).to.match(
      /^KIND +NETWORK +OBJECTS +MESSAGE\nduplicate +audited +ippool audited.n-0, pod default\/one/,
    );
    expect(table.trimEnd().split('\n').at(-1)).to.equal(
      '5 findings: duplicate 1, leak 1, missing 1, foreign 2, unreadable 0',
    );
  });

  it('reports what a node’s agent has found in a pod: addresses that were taken away, added, or are another pod’s', async () => {
    const found = async ({ name, uid }: { name: string; uid: string }, ips: string[]): Promise<void> => {
      const text = formatFound(uid, [{ network: 'audited', interface: 'net1-0', ips }]);
      const patch = { metadata: { annotations: { [annotation.foundInterfaces]: text } } };
      await client.patch(pods, { namespace: 'default', name }, 'merge', patch);
    };
    const [one, two] = [
      await runningPod(client, 'one', '10.200.0.1/18'),
      await runningPod(client, 'two', '10.200.0.2/18'),
    ];
    await createPoolWith(client, 'audited.n-0', { network: 'audited', hostName: 'n-0', blocks: [] }, [
      recordOf(one, '10.200.0.1/18'),
      recordOf(two, '10.200.0.2/18'),
    ]);
    await found(one, ['10.200.0.2']);
    expect(await findingsNow()).to.deep.equal([
      ['duplicate', 'ippool audited.n-0', 'pod default/two', 'pod default/one'],
      ['missing', 'pod default/one', 'node n-0'],
      ['foreign', 'pod default/one', 'node n-0'],
    ]);
    await found(one, ['10.200.0.1']);
    expect((await audit()).code).to.equal(0);
  });

  it('reports a pool that cannot be read, and what is wrong elsewhere', async () => {
    const spec = { network: 'audited', hostName: 'n-0', blocks: [] };
    const pool = await client.create(ipPools, { apiVersion, kind: 'IPPool', metadata: { name: 'audited.n-0' }, spec });
    await client.updateStatus(ipPools, { ...pool, status: { allocations: ['scribble'] } });
    await runningPod(client, 'lacking', '10.200.0.4/18');
    const { code, stdout } = await audit();
    expect(code).to.equal(1);
    expect(stdout).to.match(/^unreadable +audited +ippool audited.n-0 +"scribble" is not a record/m);
    expect(stdout.trimEnd().split('\n').at(-1)).to.equal(
      '2 findings: duplicate 0, leak 0, missing 1, foreign 0, unreadable 1',
    );
  });

  it('finds the pods of a page on whatever node they are, and on none yet', async () => {
    const spec = { network: 'paged', page: 0, blocks: [] };
    await client.create(multiNicNetworks, network('paged', { subnet: '10.201.0.0/20' }, { hostBlock: 0 }));
    await giveInterface('paged');
    const running = await runningPod(client, 'running', '10.201.0.1/22', { of: 'paged' });
    const lacking = await runningPod(client, 'lacking', '10.201.0.2/22', { of: 'paged' });
    const { metadata } = await client.create(pods, {
      metadata: { name: 'waiting', namespace: 'default' },
      spec: { containers: [{ name: 'main', image: 'none' }], automountServiceAccountToken: false },
    } satisfies Pod);
    await createPoolWith(client, 'paged.page.0', spec, [
      recordOf(running, '10.201.0.1/22'),
      recordOf({ name: 'gone', uid: 'gone' }, '10.201.0.3/22'),
      recordOf({ name: 'waiting', uid: metadata.uid ?? '' }, '10.201.0.4/22'),
    ]);
    expect(await findingsNow()).to.have.deep.members([
      ['leak', 'pod default/gone', 'ippool paged.page.0'],
      ['missing', `pod default/${lacking.name}`],
    ]);
    await client.delete(multiNicNetworks, { name: 'paged' });
  });

  it('finds pods of different nodes that ask for the same hardware address', async () => {
    await client.create(multiNicNetworks, network('bridged', { plugin: { cniVersion: '0.3.1', type: 'macvlan' } }));
    await runningPod(client, 'one', '10.202.0.1/18', { of: 'bridged', mac: '02:00:00:00:00:2a' });
    await runningPod(client, 'two', '10.202.0.65/18', { of: 'bridged', mac: '02:00:00:00:00:2A', on: 'n-1' });
    const duplicates = (await findingsNow()).filter(([kind]) => kind === 'duplicate');
    expect(duplicates.map(finding => finding.sort())).to.deep.equal([
      ['duplicate', 'pod default/one', 'pod default/two'],
    ]);
    await client.delete(multiNicNetworks, { name: 'bridged' });
  });

  it('tells either network of an address that both have given out', async () => {
    await client.create(multiNicNetworks, network('other'));
    for (const name of ['audited', 'other']) {
      const pod = await runningPod(client, `of-${name}`, '10.200.0.1/18', { of: name });
      await createPoolWith(client, `${name}.n-0`, { network: name, hostName: 'n-0', blocks: [] }, [
        recordOf(pod, '10.200.0.1/18'),
      ]);
    }
    for (const name of ['audited', 'other']) {
      const { stdout } = await audit('--network', name);
      expect(stdout).to.match(/^duplicate +audited,other +.*2 live records hold 10\.200\.0\.1;/m);
    }
    await client.delete(multiNicNetworks, { name: 'other' });
  });

  it('says how many more there are than it tells, of the network that is asked for', async () => {
    await client.create(multiNicNetworks, network('wide', { subnet: '10.203.0.0/16' }, { hostBlock: 2 }));
    await giveInterface('wide');
    const spec = { network: 'wide', page: 0, hosts: [{ hostName: 'n-0', hostIndex: 0 }] };
    await client.create(cidrs, { apiVersion, kind: 'CIDR', metadata: { name: 'wide-0' }, spec });
    const gone = Array.from({ length: 1_007 }, (_, i) => {
      const pod = { name: `gone-${i}`, uid: `gone-${i}` };
      return recordOf(pod, `10.203.${Math.floor(i / 250)}.${(i % 250) + 1}/18`);
    });
    await createPoolWith(client, 'wide.n-0', { network: 'wide', hostName: 'n-0', blocks: [] }, gone);
    await runningPod(client, 'lacking', '10.200.0.4/18');
    const { stdout, code } = await audit('--network', 'wide');
    expect(code).to.equal(1);
    expect(stdout.trimEnd().split('\n').slice(-2)).to.deep.equal([
      '1000 findings: duplicate 0, leak 1000, missing 0, foreign 0, unreadable 0',
      '7 more are not listed: fix these, then audit again',
    ]);
    const { findings, more } = JSON.parse((await audit('-o', 'json', '--network', 'audited')).stdout) as AuditResult;
    expect([findings.length, more]).to.deep.equal([1, 0]);
    expect((JSON.parse((await audit('-o', 'json')).stdout) as AuditResult).more).to.equal(8);
    await client.delete(multiNicNetworks, { name: 'wide' });
    await client.delete(cidrs, { name: 'wide-0' });
  });

  it('needs no more rights than its page names', async () => {
    const page = readFileSync(join(root, 'docs/reference/kubectl-multinic.md'), 'utf8');
    const [, both = '', listed = ''] =
      /needs `get` and `list` on ([^.]*) in all namespaces, and `list` on ([^.]*)\./.exec(page.replaceAll('\n', ' ')) ??
      [];
    const grant = async (verbs: string, resources: string): Promise<void> => {
      const role = `audit-${verbs.replace(',', '-')}`;
      const names = resources
        .split(/, | and /)
        .map(name => (name === 'nodes' || name === 'pods' ? name : `${name}.${apiGroup}`));
      await cluster.kubectl(['create', 'clusterrole', role, `--verb=${verbs}`, `--resource=${names.join()}`]);
      await cluster.kubectl(['create', 'clusterrolebinding', role, `--clusterrole=${role}`, '--user=auditor']);
    };
    await grant('get,list', both);
    await grant('list', listed);
    // What is found is read once more, by name.
    const gone = recordOf({ name: 'gone', uid: 'gone' }, '10.200.0.5/18');
    await createPoolWith(client, 'audited.n-0', { network: 'audited', hostName: 'n-0', blocks: [] }, [gone]);
    const kubeconfig = await cluster.kubeconfigFor('auditor');
    for (const flags of [[], ['--network', 'audited']]) {
      const { code, stdout, stderr } = await audit('--kubeconfig', kubeconfig, ...flags);
      expect([code, stderr]).to.deep.equal([1, '']);
      expect(stdout).to.contain('leak 1');
    }
  });

  it('ends with 2 where it cannot audit: no such network, wrong flags', async () => {
    const unknown = await audit('--network', 'nowhere');
    expect(unknown.code).to.equal(2);
    expect(unknown.stderr).to.contain('there is no network "nowhere"').and.contain('kubectl get multinicnetworks');
    const wrong = await audit('-o', 'yaml');
    expect(wrong.code).to.equal(2);
    expect(wrong.stderr.trim().split('\n')).to.have.length(2);
  });

  it('says that a cluster has no multi-nic', () => {
    expect(elsewhere.code).to.equal(2);
    expect(elsewhere.stderr).to.contain('multi-nic is not installed there');
  });

  it('goes by the context that it is told', async () => {
    const config = parse(await readFile(cluster.kubeconfig, 'utf8')) as {
      contexts: { name: string; context: object }[];
      'current-context': string;
    };
    config.contexts.push({ name: 'other', context: config.contexts[0]!.context });
    config['current-context'] = 'gone';
    const kubeconfig = join(cluster.runFolder, 'contexts.kubeconfig');
    await writeFile(kubeconfig, stringify(config));
    expect((await audit('--kubeconfig', kubeconfig, '--context', 'other')).code).to.equal(0);
    const gone = await audit('--kubeconfig', kubeconfig);
    expect(gone.code).to.equal(2);
    expect(gone.stderr).to.contain('context "gone"');
  });

  it('prints its help', async () => {
    const { code, stdout } = await audit('--help');
    expect(code).to.equal(0);
    expect(stdout).to.contain('kubectl multinic audit');
  });

  /** What an audit finds: the kind and the objects of each. */
  async function findingsNow(): Promise<string[][]> {
    const { stdout } = await audit('-o', 'json');
    return (JSON.parse(stdout) as AuditResult).findings.map(({ kind, objects }) => [kind, ...objects]);
  }

  /** As the leader does to a network whose hosts have one NIC. */
  async function giveInterface(name: string): Promise<void> {
    const status = { interfaces: [{ index: 0, netAddress: '172.20.1.0/24', ordinal: 0 }] };
    await client.patch(multiNicNetworks, { name }, 'merge', { status }, { subresource: 'status' });
  }

  function audit(...args: string[]): Promise<RunResult> {
    const program = [process.execPath, join(root, 'cli/main.ts'), 'audit', '--settle-seconds', '0'];
    return run([...program, '--kubeconfig', cluster.kubeconfig, ...args], { allowFailure: true });
  }
});
