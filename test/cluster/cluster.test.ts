import { expect } from 'chai';
import { boxImage, type Cluster, startCluster } from './index.ts';

describe('local cluster: control plane alone', function () {
  this.timeout(600_000); // the first run on a machine builds Kubernetes
  let cluster: Cluster;

  before(async () => {
    cluster = await startCluster({ fakeNodes: 2, scheduler: true });
  });
  after(() => cluster?.stop());

  it('answers to kubectl', async () => {
    const { stdout } = await cluster.kubectl(['get', '--raw', '/version']);
    expect(JSON.parse(stdout)).to.include({ minor: String(cluster.version.minor) });
  });

  it('knows users by their certificates', async () => {
    const kubeconfig = await cluster.kubeconfigFor('eve', ['guests']);
    const refused = await cluster.kubectl(['get', 'nodes'], { kubeconfig, allowFailure: true });
    expect(refused.stderr).to.contain('User "eve" cannot list resource "nodes"');
  });

  it('schedules pods to nodes that have no machine', async () => {
    const { stdout: nodes } = await cluster.kubectl(['get', 'nodes', '--no-headers']);
    expect(nodes).to.match(/^fake-1 +Ready[^]*\nfake-2 +Ready/);
    await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(pod('waiting')) });
    await cluster.kubectl(['wait', 'pod/waiting', '--for=condition=PodScheduled', '--timeout=30s']);
    const { stdout } = await cluster.kubectl(['get', 'pod', 'waiting', '-o', 'jsonpath={.spec.nodeName}']);
    expect(stdout).to.match(/^fake-[12]$/);
  });

  it('takes custom resources with empty and zero values', async () => {
    await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(thingDefinition()) });
    await cluster.kubectl(['wait', 'crd/things.test.example', '--for=condition=Established', '--timeout=30s']);
    const spec = { text: '', number: 0, flag: false, list: [''] };
    const thing = { apiVersion: 'test.example/v1', kind: 'Thing', metadata: { name: 'empty' }, spec };
    await cluster.kubectl(['apply', '-f', '-'], { input: JSON.stringify(thing) });
    const { stdout } = await cluster.kubectl(['get', 'thing', 'empty', '-o', 'json']);
    expect((JSON.parse(stdout) as typeof thing).spec).to.deep.equal(spec);
  });

  it('runs beside another cluster that sees nothing of it', async () => {
    await using other = await startCluster({ fakeNodes: [{ name: 'elsewhere', labels: { rack: '7' } }] });
    expect(other.server).not.to.equal(cluster.server);
    const names = async (of: Cluster): Promise<string> =>
      (await of.kubectl(['get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}'])).stdout;
    expect(await names(other)).to.equal('elsewhere');
    expect(await names(cluster)).to.equal('fake-1 fake-2');
  });

  it('survives a crash of etcd and of the API server', async () => {
    await cluster.apiServer.kill();
    await cluster.etcd.kill();
    expect((await cluster.kubectl(['get', 'nodes'], { allowFailure: true })).code).not.to.equal(0);
    cluster.etcd.start();
    cluster.apiServer.start();
    await cluster.waitUntilReady();
    expect((await cluster.kubectl(['get', 'nodes', '-o', 'name'])).stdout).to.equal('node/fake-1\nnode/fake-2\n');
  });

  it('can be frozen', async () => {
    cluster.apiServer.pause();
    const frozen = await cluster.kubectl(['get', 'nodes', '--request-timeout=1s'], { allowFailure: true });
    cluster.apiServer.resume();
    expect(frozen.code).not.to.equal(0);
    await cluster.waitUntilReady();
    await cluster.kubectl(['get', 'nodes']);
  });
});

function pod(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: { containers: [{ name: 'main', image: boxImage }] },
  };
}

function thingDefinition(): object {
  const list = { type: 'array', items: { type: 'string' } };
  const properties = { text: { type: 'string' }, number: { type: 'integer' }, flag: { type: 'boolean' }, list };
  const schema = { type: 'object', properties: { spec: { type: 'object', properties } } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'things.test.example' },
    spec: {
      group: 'test.example',
      scope: 'Cluster',
      names: { plural: 'things', singular: 'thing', kind: 'Thing', listKind: 'ThingList' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  };
}
