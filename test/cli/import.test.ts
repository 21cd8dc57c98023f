import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { run, type RunResult } from '../../build/run.ts';
import { systemNamespace } from '../../core/api/names.ts';
import { blocksOf } from '../../core/layout/hostBlocks.ts';
import { readNetwork } from '../../core/network/network.ts';
import { recordsIn } from '../../core/pool/content.ts';
import { nodePoolName } from '../../core/pool/name.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { cidrs, hostInterfaces, ipPools, multiNicNetworks, pods } from '../../kube/api/resources.ts';
import { auditCluster } from '../../kube/audit/clusterAudit.ts';
import { PoolStore } from '../../kube/pools/poolStore.ts';
import { createLogger } from '../../kube/process/log.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { runController, type Running } from '../controller/site.ts';
import { Observed } from '../controller/support.ts';
import { eventually } from '../eventually.ts';
import { applyManifests, definitionCrd } from '../system/apply.ts';
import { mixed, setScene } from './importScene.ts';
import { leaveBehind, runningPod } from './predecessor.ts';

const root = join(import.meta.dirname, '../..');

describe('kubectl-multinic import, against a real API server', function () {
  this.timeout(180_000);
  let cluster: Cluster;
  let client: KubeClient;
  let saved: string;
  let controller: Running | undefined;

  before(async function () {
    this.timeout(900_000);
    cluster = await startCluster({ name: 'import', fakeNodes: [{ name: 'n-0' }, { name: 'n-1' }] });
    client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig });
    saved = await setScene(cluster, client);
  });

  after(async () => {
    await controller?.stop();
    await client?.close();
    await cluster?.stop();
  });

  it('tells what would be kept while the predecessor is still there, and writes nothing', async () => {
    const { code, stdout } = await run([...program(), '--network', 'train', '--dry-run', '-f', saved], {
      allowFailure: true,
    });
    expect(stdout.trimEnd().split('\n')).to.have.members([
      'network train: interface 0 is 172.20.1.0/24',
      'network train: interface 1 is 172.20.2.0/24',
      'network train: host 4 is n-0',
      'network train: host 1 is n-1',
      'network train: pod default/both keeps 10.200.1.1, 10.200.65.3 on net1 (ippool train.n-0)',
      'network train: pod default/starting keeps 10.200.65.2 on net1 (ippool train.n-0)',
      'network train: pod default/one keeps 10.200.0.65 on net1 (ippool train.n-1)',
      'network train: pod default/unrecorded keeps 10.200.64.71 on net1 (ippool train.n-1)',
      'network train: pod default/initializing keeps 10.200.0.72 on net1 (ippool train.n-1)',
      'network train: pod default/gone 10.200.0.66 is free, its pod is gone or has another',
      'network train: pod default/one 10.200.1.9 is free, its pod is gone or has another',
      '1 networks, 5 attachments, 0 refusals: to be imported',
    ]);
    expect(code).to.equal(0);
  });

  it('refuses objects that were saved after the schemas had been replaced', async () => {
    await applyManifests(cluster, 'manifests/base/crds', definitionCrd);
    const pruned = join(cluster.runFolder, 'pruned.yaml');
    await eventually('our schemas hide what they do not know', async () => {
      const { stdout } = await cluster.kubectl(['get', 'cidrs,ippools,hostinterfaces', '-o', 'yaml']);
      await writeFile(pruned, stdout);
      const { code, stderr } = await importFrom(pruned);
      expect(stderr).to.contain('MNN_IMPORT_UNREADABLE: cidr mixed: spec has no cidr');
      return code === 2;
    });
    // Nothing is lost before somebody writes the objects: with the schemas they had, they show again.
    await leaveBehind(cluster, []);
    await eventually('the hidden fields show again', async () => {
      const { stdout } = await cluster.kubectl(['get', 'cidrs,ippools,hostinterfaces', '-o', 'json']);
      return stdout.includes('"podCIDR": "10.200.64.64/26"') && stdout.includes('"address": "10.200.65.3"');
    });
    await applyManifests(cluster, 'manifests/base/crds');
  });

  it('refuses what cannot be kept, and then writes nothing at all', async () => {
    await runningPod(client, mixed, { name: 'first', host: 'n-0', at: [[0, 1]] });
    await runningPod(client, mixed, { name: 'second', host: 'n-0', at: [[0, 2]] });
    await runningPod(client, mixed, { name: 'stray', host: 'n-0', at: [[1, 1]] });
    await runningPod(client, mixed, { name: 'twin', host: 'n-0', at: [[0, 2]] });
    const { code, stdout } = await importFrom(saved);
    expect(code).to.equal(1);
    expect(stdout).to.match(
      /^refused MNN_IMPORT_BLOCK: network mixed: pod default\/stray has 10.201.64.65 of 10.201.64.64\/26, but by the network's layout ens8 of node n-0 has 10.201.64.0\/26/m,
    );
    expect(stdout).to.match(
      /^refused MNN_IMPORT_TWICE: network mixed: pod default\/second and pod default\/twin both have 10.201.0.2/m,
    );
    expect(stdout).to.match(
      /^refused MNN_STRATEGY_UNKNOWN: network best: spec\.attachPolicy\.strategy: "perf" is not known\. Use one of none/m,
    );
    expect(stdout.trimEnd().split('\n').at(-1)).to.equal('2 networks, 7 attachments, 3 refusals: nothing was written');
    expect((await client.get(multiNicNetworks, { name: 'train' })).status?.interfaces).to.equal(undefined);
    expect(await client.find(ipPools, { name: 'train.n-0' })).to.equal(undefined);
    for (const name of ['stray', 'twin']) {
      await client.delete(pods, { name, namespace: 'default' }, { gracePeriodSeconds: 0 });
    }
    await client.patch(multiNicNetworks, { name: 'best' }, 'merge', { spec: { attachPolicy: { strategy: 'none' } } });
  });

  it('before it, the controller gives out nothing of a network: pods that run may have it', async () => {
    await cluster.kubectl(['create', 'namespace', systemNamespace]);
    controller = runController(client);
    await eventually('the controller to say so', async () => {
      const { status } = await client.get(multiNicNetworks, { name: 'train' });
      expect(status?.configStatus).to.equal('Failed');
      expect(status?.message).to.contain('CIDR train is of the multi-nic-cni operator').and.contain('MNN_NOT_IMPORTED');
      return true;
    });
    await eventually('a network without a CIDR to be served', async () => {
      const { status } = await client.get(multiNicNetworks, { name: 'outside' });
      return status?.configStatus === 'Success';
    });
    expect([...(await new Observed(client).indexes('train'))]).to.deep.equal([]);
  });

  it('imports, so that pods keep their addresses, new ones do not collide, and the audit finds nothing', async () => {
    const first = await importFrom(saved);
    expect(first.stderr).to.equal('');
    expect(first.stdout.trimEnd().split('\n').at(-1)).to.equal('2 networks, 7 attachments, 0 refusals: imported');
    const seen = new Observed(client);
    const expected = { train: { 'n-0': 4, 'n-1': 1 }, mixed: { 'n-0': 0, 'n-1': 1 } };
    for (const [name, indexes] of Object.entries(expected)) {
      expect(Object.fromEntries(await seen.indexes(name)), name).to.deep.equal(indexes);
    }
    const pool = await client.get(ipPools, { name: 'train.n-0' });
    expect(
      recordsIn(pool, 'Allocated').map(({ name, interface: ifname, nics }) => ({ name, ifname, nics })),
    ).to.have.deep.members([
      {
        name: 'both',
        ifname: 'net1',
        nics: [
          { master: 'ens7', netAddress: '172.20.1.0/24', addresses: ['10.200.1.1/18'] },
          { master: 'ens8', netAddress: '172.20.2.0/24', addresses: ['10.200.65.3/18'] },
        ],
      },
      {
        name: 'starting',
        ifname: 'net1',
        nics: [{ master: 'ens8', netAddress: '172.20.2.0/24', addresses: ['10.200.65.2/18'] }],
      },
    ]);
    expect(await auditCluster(client, { settleMs: 0 })).to.deep.equal({ findings: [], more: 0 });

    // The controller takes over: nothing moves, nothing of the operator's is left, and all can be deleted.
    await eventually('the controller has taken over', async () => {
      const { status } = await client.get(multiNicNetworks, { name: 'train' });
      expect(status?.discovery.cidrProcessed).to.equal(2);
      expect(status?.interfaces).to.deep.equal([
        { index: 0, netAddress: '172.20.1.0/24', ordinal: 0 },
        { index: 1, netAddress: '172.20.2.0/24', ordinal: 0 },
      ]);
      return true;
    });
    await controller?.stop();
    for (const [name, indexes] of Object.entries(expected)) {
      expect(Object.fromEntries(await seen.indexes(name)), name).to.deep.equal(indexes);
    }
    expect((await client.list(cidrs)).items.map(({ metadata }) => metadata.name)).to.have.members([
      'train-0',
      'mixed-0',
    ]);
    const poolNames = (await client.list(ipPools)).items.map(({ metadata }) => metadata.name);
    expect(poolNames).to.have.members(['train.n-0', 'train.n-1', 'mixed.n-0']);
    for (const resource of [multiNicNetworks, hostInterfaces] as const) {
      const { items } = await client.list(resource as typeof hostInterfaces);
      expect(items.flatMap(({ metadata }) => metadata.finalizers ?? [])).to.deep.equal([]);
    }
  });

  it('never gives a new pod what an imported one has', async () => {
    const object = await client.get(multiNicNetworks, { name: 'train' });
    const network = readNetwork(object);
    const position = { netAddress: '172.20.2.0/24', ordinal: 0 };
    const blocks = blocksOf(network, object.status?.interfaces ?? [], position, 4);
    const store = new PoolStore(client, { logger: createLogger('test') });
    const spec = { network: 'train', hostName: 'n-0', blocks: [] };
    const ref = { name: nodePoolName('train', 'n-0'), spec, networkUid: network.uid };
    const taken = [];
    for (let i = 0; i < 60; i++) {
      const claimant = { podUID: `new-${i}`, namespace: 'default', name: `new-${i}`, interface: 'net1' };
      const claim = { claimant, nics: [{ master: 'ens8', netAddress: position.netAddress, blocks }] };
      taken.push(...(await store.allocate(ref, claim, { timeoutMs: 10_000 })).nics.flatMap(nic => nic.addresses));
    }
    expect(new Set(taken)).to.have.lengthOf(60);
    expect(taken).not.to.include('10.200.65.2/18').and.not.to.include('10.200.65.3/18');
    await store.release(ref.name, ({ podUID }) => podUID.startsWith('new-'), { timeoutMs: 10_000 });
  });

  it('may be run again, also after it died between its writes', async () => {
    const before = await client.list(ipPools);
    await client.delete(cidrs, { name: 'train-0' });
    await client.delete(ipPools, { name: 'train.n-1' });
    expect((await importFrom(saved)).code).to.equal(0);
    expect(Object.fromEntries(await new Observed(client).indexes('train'))).to.deep.equal({ 'n-0': 4, 'n-1': 1 });
    const kept = before.items.filter(({ metadata }) => metadata.name !== 'train.n-1');
    for (const { metadata } of kept) {
      expect((await client.get(ipPools, metadata)).metadata.resourceVersion).to.equal(metadata.resourceVersion);
    }
    expect(await auditCluster(client, { settleMs: 0 })).to.deep.equal({ findings: [], more: 0 });
  });

  it('frees networks of a cluster where other IPAM plugins give all addresses', async () => {
    const network = { name: 'outside' };
    const finalizers = ['finalizers.multinicnetwork.multinic.fms.io', 'example.com/kept'];
    await client.patch(multiNicNetworks, network, 'merge', { metadata: { finalizers } });
    const file = join(cluster.runFolder, 'hosts.json');
    await writeFile(file, (await cluster.kubectl(['get', 'hostinterfaces', '-o', 'json'])).stdout);
    expect((await importFrom(file)).stdout).to.equal('0 networks, 0 attachments, 0 refusals: imported\n');
    expect((await client.get(multiNicNetworks, network)).metadata.finalizers).to.deep.equal(['example.com/kept']);
  });

  it('ends with 2 where the file is none of the kind', async () => {
    const file = join(cluster.runFolder, 'none.yaml');
    await writeFile(file, 'kind: List\nitems: []\n');
    expect((await importFrom(file)).stderr).to.contain('there is no CIDR, IPPool or HostInterface in it');
    await writeFile(file, (await readFile(saved, 'utf8')).slice(0, 200) + '\n  : [');
    expect((await importFrom(file)).code).to.equal(2);
  });

  function program(): string[] {
    return [process.execPath, join(root, 'cli/main.ts'), 'import', '--kubeconfig', cluster.kubeconfig];
  }

  function importFrom(file: string): Promise<RunResult> {
    return run([...program(), '-f', file], { allowFailure: true });
  }
});
