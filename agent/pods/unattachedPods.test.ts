import { expect } from 'chai';
import { withAttachments } from '../../core/annotation/attachments.ts';
import { formatNetworks } from '../../core/annotation/networks.ts';
import { annotation, label } from '../../core/api/names.ts';
import type { Pod } from '../../kube/api/resources.ts';
import type { InformerHandlers } from '../../kube/watch/informerHandlers.ts';
import type { CheckpointEntry } from '../checkpoint/entry.ts';
import { trimPod } from './podSource.ts';
import { tellUnattachedPods } from './unattachedPods.ts';

const granted = formatNetworks([
  withAttachments({ name: 'compute' }, [{ master: 'eth1', netAddress: '172.20.1.0/24', addresses: ['10.200.0.1/18'] }]),
]);

const pod = (phase: string, networks = granted): Pod => ({
  metadata: { name: 'worker', namespace: 'ai', uid: 'u-1', annotations: { [annotation.networks]: networks } },
  status: { phase },
});

describe('A pod that runs without what it was granted', () => {
  /** What is told of a pod that was `before` and is `now`. */
  function told(before: Pod, now: Pod, attached: CheckpointEntry[] = []): unknown[][] {
    const recorded: unknown[][] = [];
    let handlers: InformerHandlers<Pod> = {};
    tellUnattachedPods({
      pods: {
        informer: {
          addHandlers(given) {
            handlers = given;
            return () => undefined;
          },
        },
      },
      checkpoint: { ofPod: () => attached },
      events: { record: (...event) => void recorded.push(event) },
      node: 'node-1',
    });
    // Handlers see what the copy keeps of a pod.
    void handlers.added?.(trimPod(before));
    void handlers.updated?.(trimPod(now), trimPod(before));
    return recorded;
  }

  it('has an event that names the network, and what is missing', () => {
    const [[subject, ...event] = [], ...others] = told(pod('Pending'), pod('Running'));
    expect(others).to.deep.equal([]);
    expect(subject).to.deep.include({ kind: 'Pod' });
    expect(event.slice(0, 2)).to.deep.equal(['Warning', 'NotAttached']);
    expect(event[2]).to.match(/^on node node-1: .* interfaces of compute, .*neither Multus nor/);
  });

  it('has none where it is attached, was granted nothing, or ran before', () => {
    expect(told(pod('Pending'), pod('Running'), [{} as CheckpointEntry])).to.deep.equal([]);
    for (const networks of ['compute', '', '{'])
      expect(told(pod('Pending', networks), pod('Running', networks)), networks).to.deep.equal([]);
    expect(told(pod('Running'), pod('Running'))).to.deep.equal([]);
    expect(told(pod('Pending'), pod('Failed'))).to.deep.equal([]);
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

  it('has one where it names networks for admission, which did not see it: its namespace has no label', () => {
    const [[, ...event] = []] = told(...naming('compute'));
    expect(event.slice(0, 2)).to.deep.equal(['Warning', 'NotAttached']);
    expect(event[2]).to.match(/multinic.fms.io\/networks names compute, .*label multinic.fms.io\/injection=enabled/);
  });

  it('has none where admission saw it, or was not to, or it names none', () => {
    expect(told(...naming('compute', { [label.injected]: 'true' }))).to.deep.equal([]);
    expect(told(...naming('compute', { [label.injection]: 'disabled' }))).to.deep.equal([]);
    expect(told(...naming('compute', {}, { containers: [], hostNetwork: true }))).to.deep.equal([]);
    expect(told(...naming(' '))).to.deep.equal([]);
  });
});
