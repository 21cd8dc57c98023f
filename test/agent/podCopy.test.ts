import { expect } from 'chai';
import pino from 'pino';
import { PodSource } from '../../agent/copies/podSource.ts';
import { KubeClient } from '../../kube/api/client.ts';
import { type Pod, pods } from '../../kube/api/resources.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { eventually } from '../eventually.ts';

describe('agent: its copy of the pods of a node', function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let client: KubeClient;

  before(async function () {
    this.timeout(900_000);
    cluster = await startCluster({ name: 'pod-copy', nodes: 0 });
    client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig });
  });

  after(async () => {
    await client?.close();
    await cluster?.stop();
  });

  async function pod(name: string, nodeName: string, phase: string): Promise<Pod> {
    const made = await client.create(pods, {
      metadata: { namespace: 'default', name },
      spec: { nodeName, containers: [{ name: 'main', image: 'none' }] },
    });
    return client.updateStatus(pods, { ...made, status: { phase } });
  }

  it('has none that have finished: thousands may be kept, whose annotations would fill its memory', async () => {
    const [running, failed] = [await pod('running', 'n1', 'Running'), await pod('failed', 'n1', 'Failed')];
    await pod('elsewhere', 'n2', 'Running');
    const source = new PodSource({ client, node: 'n1', logger: pino({ enabled: false }) });
    const past: string[] = [];
    source.informer.addHandlers({ deleted: ({ metadata }) => void past.push(metadata.name) });
    const stopping = new AbortController();
    const ended = source.informer.start(stopping.signal);
    await source.informer.synced;
    const names = (): string[] => Array.from(source.informer.list(), ({ metadata }) => metadata.name);
    const isPast = ({ metadata }: Pod): Promise<boolean> =>
      source.isPast({ namespace: 'default', name: metadata.name }, metadata.uid ?? '');
    expect(names()).to.deep.equal(['running']);
    expect([await isPast(running), await isPast(failed)]).to.deep.equal([false, true]);

    await client.updateStatus(pods, { ...running, status: { phase: 'Succeeded' } });
    await eventually('it is told of as gone', () => past.includes('running'));
    expect(names()).to.deep.equal([]);
    expect(await isPast(running)).to.equal(true);
    stopping.abort();
    await ended;
  });
});
