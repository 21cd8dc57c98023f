import { expect } from 'chai';
import { mergeConditions } from './condition.ts';

const now = new Date('2026-05-01T10:00:00.500Z');

describe('mergeConditions', () => {
  const condition = { type: 'Ready', status: 'True' as const, reason: 'Ready', message: 'now' };
  const stored = [
    { ...condition, message: 'before', lastTransitionTime: '2026-01-01T00:00:00Z' },
    { ...condition, type: 'Other', lastTransitionTime: '2026-01-02T00:00:00Z' },
  ];

  it('moves the transition time only with the status, and keeps what others wrote', () => {
    const same = mergeConditions(stored, [condition], 3, now);
    expect(same[0]).to.deep.equal({ ...condition, observedGeneration: 3, lastTransitionTime: '2026-01-01T00:00:00Z' });
    expect(same[1]).to.equal(stored[1]);
    const [turned] = mergeConditions(stored, [{ ...condition, status: 'False' }], 3, now);
    expect(turned?.lastTransitionTime).to.equal('2026-05-01T10:00:00Z');
  });
});
