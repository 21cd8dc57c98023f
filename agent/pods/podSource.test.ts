import { expect } from 'chai';
import { annotation } from '../../core/api/names.ts';
import type { Pod } from '../../kube/api/resources.ts';
import { isEnding, trimPod } from './podSource.ts';

const pod = (phase: string): Pod => ({
  metadata: {
    ...{ name: 'worker', namespace: 'ai', uid: 'u-1' },
    annotations: { [annotation.networks]: 'compute', 'example.com/notes': 'long' },
  },
  spec: { nodeName: 'node-1', containers: [{ name: 'main' }] },
  status: { phase },
});

describe('The copy of a pod', () => {
  it('has those of its annotations that the agent reads', () => {
    expect(trimPod(pod('Pending')).metadata.annotations).to.deep.equal({ [annotation.networks]: 'compute' });
  });

  it('has none once the pod has finished: thousands may be kept, each with 256 KB', () => {
    for (const phase of ['Succeeded', 'Failed']) {
      const copy = trimPod(pod(phase));
      expect(copy.metadata).to.deep.equal({ name: 'worker', namespace: 'ai', uid: 'u-1', labels: {}, annotations: {} });
      expect(isEnding(copy)).to.equal(true);
    }
  });
});
