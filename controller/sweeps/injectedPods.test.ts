import { expect } from 'chai';
import type { Pod } from '../../kube/api/resources.ts';
import { mayRun } from './injectedPods.ts';

describe('a pod that is being deleted', () => {
  const container = { name: 'main', image: 'none', imageID: '', ready: false, restartCount: 0 };
  const ended = { ...container, state: { terminated: { exitCode: 0 } } };
  const running = { ...container, state: { running: {} } };
  const pod = (status: Pod['status']): Pod => ({
    metadata: { name: 'web-0', deletionTimestamp: '2026-01-01T00:00:00Z' },
    spec: { nodeName: 'node-1', containers: [] },
    status: { phase: 'Running', ...status },
  });

  it('has ended with its containers', () => {
    expect(mayRun(pod({ containerStatuses: [ended, running] }))).to.equal(true);
    expect(mayRun(pod({ containerStatuses: [ended], initContainerStatuses: [ended] }))).to.equal(false);
  });

  it('has not ended while a sidecar runs, which ends after them', () => {
    expect(mayRun(pod({ containerStatuses: [ended], initContainerStatuses: [running] }))).to.equal(true);
  });
});
