import { expect } from 'chai';
import { KubeClient } from '../../kube/api/client.ts';
import { events, nodes } from '../../kube/api/resources.ts';
import { EventRecorder } from '../../kube/report/events.ts';
import { type Cluster, startCluster } from '../cluster/index.ts';
import { readableLogger } from './support.ts';

describe('EventRecorder, against a real API server', function () {
  this.timeout(120_000);
  let cluster: Cluster;
  let client: KubeClient;

  before(async function () {
    this.timeout(900_000);
    cluster = await startCluster({ name: 'events', nodes: 0 });
    client = await KubeClient.connect({ kubeconfig: cluster.kubeconfig });
  });

  after(async () => {
    await client?.close();
    await cluster?.stop();
  });

  /** Records, then stops the recorder, which writes what waits. */
  async function recording(record: (recorder: EventRecorder) => Promise<void> | void) {
    const { logger, lines } = readableLogger();
    const recorder = new EventRecorder({
      client,
      logger,
      component: 'multi-nic-test',
      instance: 'here',
      maxPending: 10,
    });
    const controller = new AbortController();
    const running = recorder.start(controller.signal);
    await record(recorder);
    controller.abort();
    await running;
    return lines;
  }

  async function eventsAbout(name: string) {
    const { items } = await client.list(events, { fieldSelector: `involvedObject.name=${name}` });
    return items;
  }

  it('counts what repeats on one Event, and keeps different messages apart', async () => {
    const node = await client.create(nodes, { metadata: { name: 'busy' } });
    await recording(async recorder => {
      for (let i = 0; i < 3; i++) recorder.record(node, 'Warning', 'NoRoute', 'cannot reach node-2');
      while ((await eventsAbout('busy')).length === 0) recorder.record(node, 'Normal', 'Ready', 'all routes are set');
      for (let i = 0; i < 4; i++) recorder.record(node, 'Warning', 'NoRoute', 'cannot reach node-2');
    });
    const seen = await eventsAbout('busy');
    expect(seen.map(({ reason }) => reason)).to.have.members(['NoRoute', 'Ready']);
    const warning = seen.find(({ reason }) => reason === 'NoRoute');
    expect(warning).to.include({ count: 7, type: 'Warning', message: 'cannot reach node-2' });
    expect(warning).to.include({ reportingComponent: 'multi-nic-test', reportingInstance: 'here' });
    expect(warning?.involvedObject).to.include({ kind: 'Node', name: 'busy', uid: node.metadata.uid });
    expect(warning?.metadata.namespace).to.equal('default');
  });

  it('cuts messages that the API server would refuse', async () => {
    const node = await client.create(nodes, { metadata: { name: 'talkative' } });
    const lines = await recording(recorder => {
      recorder.record(node, 'Normal', 'Long', 'x'.repeat(5_000));
    });
    expect(lines).to.deep.equal([]);
    expect((await eventsAbout('talkative')).map(({ message }) => message?.length)).to.deep.equal([1_024]);
  });

  it('never fails the caller: what cannot be written is logged, what is too much is dropped', async () => {
    const node = await client.create(nodes, { metadata: { name: 'unlucky' } });
    const elsewhere = { ...node, metadata: { ...node.metadata, namespace: 'no-such-namespace' } };
    const lines = await recording(recorder => {
      recorder.record(elsewhere, 'Normal', 'Lost', 'its namespace does not exist');
      for (let i = 0; i < 20; i++) recorder.record(node, 'Normal', 'Flood', `message ${i}`);
    });
    expect(lines.map(({ msg }) => msg)).to.include('an event was not written');
    expect(await eventsAbout('unlucky')).to.have.length(4);
  });

  it('has room for warnings, and writes them first, while too much else waits', async () => {
    const node = await client.create(nodes, { metadata: { name: 'drowned' } });
    await recording(recorder => {
      for (let i = 0; i < 20; i++) recorder.record(node, 'Normal', 'Flood', `message ${i}`);
      for (let i = 0; i < 20; i++) recorder.record(node, 'Warning', 'Alarm', `alarm ${i}`);
    });
    const seen = (await eventsAbout('drowned')).map(({ type, message, metadata }) => ({ type, message, metadata }));
    expect(seen.filter(({ type }) => type === 'Normal')).to.have.length(5);
    expect(seen.filter(({ type }) => type === 'Warning')).to.have.length(5);
    const versions = (wanted: string): number[] =>
      seen.filter(({ type }) => type === wanted).map(({ metadata }) => Number(metadata.resourceVersion));
    expect(Math.max(...versions('Warning'))).to.be.lessThan(Math.min(...versions('Normal')));
  });
});
