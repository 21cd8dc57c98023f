import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { withAttachments } from '../../core/annotation/attachments.ts';
import { formatNetworks } from '../../core/annotation/networks.ts';
import { annotation, label, mirrorAnnotation } from '../../core/api/names.ts';
import type { Pod } from '../../kube/api/resources.ts';
import { ObjectCache } from '../../kube/watch/objectCache.ts';
import { silent } from '../../test/kube/support.ts';
import { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { CheckpointEntry } from '../checkpoint/entry.ts';
import { trimPod } from '../copies/podSource.ts';
import { tellUnattachedPods } from './unattachedPods.ts';

const granted = formatNetworks([
  withAttachments({ name: 'compute' }, [{ master: 'eth1', netAddress: '172.20.1.0/24', addresses: ['10.200.0.1/18'] }]),
]);

const pod = (phase: string, networks = granted): Pod => ({
  metadata: { name: 'worker', namespace: 'ai', uid: 'u-1', annotations: { [annotation.networks]: networks } },
  status: { phase },
});

const withVersion = (object: Pod, resourceVersion: string): Pod => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion },
});

const attachment: CheckpointEntry = {
  ...{ version: 1, state: 'done', containerId: 'c1', ifname: 'net1', callIfname: 'net1', configName: 'compute' },
  ...{ netns: '', netnsId: '', network: 'compute', type: 'ipvlan', links: [], since: '' },
  pod: { uid: 'u-1', namespace: 'ai', name: 'worker' },
};

describe('A pod that runs without what it was granted', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'multi-nic-pods-'));
  });

  afterEach(() => rm(folder, { recursive: true }));

  /** What is told of a pod that was `before` and is `now`. */
  async function told(before: Pod, now: Pod, attached: readonly CheckpointEntry[] = []): Promise<unknown[][]> {
    const checkpoint = await Checkpoint.open(folder, silent);
    for (const entry of attached) await checkpoint.put(entry);
    const recorded: unknown[][] = [];
    const pods = new ObjectCache<Pod>({ logger: silent });
    const events = { record: (...event: unknown[]) => void recorded.push(event) };
    tellUnattachedPods({ pods, checkpoint, events, node: 'node-1' });
    // The copy keeps only some of a pod.
    pods.replace([withVersion(trimPod(before), '1')]);
    pods.set(withVersion(trimPod(now), '2'));
    return recorded;
  }

  it('has an event that names the network, and what is missing', async () => {
    const [[subject, ...event] = [], ...others] = await told(pod('Pending'), pod('Running'));
    expect(others).to.deep.equal([]);
    expect(subject).to.deep.include({ kind: 'Pod' });
    expect(event.slice(0, 2)).to.deep.equal(['Warning', 'NotAttached']);
    expect(event[2]).to.match(/^on node node-1: .* interfaces of compute, .*neither Multus nor/);
  });

  it('has none where it is attached, was granted nothing, or ran before', async () => {
    expect(await told(pod('Pending'), pod('Running'), [attachment])).to.deep.equal([]);
    for (const networks of ['compute', '', '{'])
      expect(await told(pod('Pending', networks), pod('Running', networks)), networks).to.deep.equal([]);
    expect(await told(pod('Running'), pod('Running'))).to.deep.equal([]);
    expect(await told(pod('Pending'), pod('Failed'))).to.deep.equal([]);
  });

  const naming = (networks: string, labels = {}, spec: Pod['spec'] = { containers: [] }) =>
    (['Pending', 'Running'] as const).map((phase): Pod => {
      const annotations = { [annotation.ourNetworks]: networks };
      return {
        metadata: { name: 'worker', namespace: 'ai', uid: 'u-1', annotations, labels },
        spec,
        status: { phase },
      };
    }) as [Pod, Pod];

  it('has one where it names networks for admission, which did not see it: its namespace has no label', async () => {
    const [[, ...event] = []] = await told(...naming('compute'));
    expect(event.slice(0, 2)).to.deep.equal(['Warning', 'NotAttached']);
    expect(event[2]).to.match(/multinic.fms.io\/networks names compute, .*label multinic.fms.io\/injection=enabled/);
  });

  it('is told what counts for a static pod, which admission never sees, whatever its namespace', async () => {
    const [before, now] = naming('compute');
    for (const { metadata } of [before, now]) Object.assign(metadata.annotations ?? {}, { [mirrorAnnotation]: 'u-0' });
    const [[, ...event] = []] = await told(before, now);
    expect(event[2]).to.match(/multinic.fms.io\/networks names compute, .*static pod.* k8s.v1.cni.cncf.io\/networks$/);
    expect(event[2]).not.to.contain(label.injection);
  });

  it('has none where admission saw it, or was not to, or it names none', async () => {
    expect(await told(...naming('compute', { [label.injected]: 'true' }))).to.deep.equal([]);
    expect(await told(...naming('compute', { [label.injection]: 'disabled' }))).to.deep.equal([]);
    expect(await told(...naming('compute', {}, { containers: [], hostNetwork: true }))).to.deep.equal([]);
    expect(await told(...naming(' '))).to.deep.equal([]);
  });
});
