import { expect } from 'chai';
import fc from 'fast-check';
import { compareNaturally } from './naturalOrder.ts';

describe('compareNaturally', () => {
  it('puts numbers in order of their value', () => {
    const sorted = ['eth0', 'eth1', 'eth2', 'eth2.5', 'eth10', 'eth10.1', 'ib1', 'ib01', 'mlx5_0'];
    expect(sorted.toReversed().sort(compareNaturally)).to.deep.equal(sorted);
  });

  it('is a total order: the same result for every order of the input', () => {
    const text = fc.stringMatching(/^[a-b0-2.]{0,6}$/);
    fc.assert(
      fc.property(fc.array(text), texts => {
        const sorted = texts.toSorted(compareNaturally);
        expect(texts.toReversed().sort(compareNaturally)).to.deep.equal(sorted);
        for (const [i, a] of sorted.entries())
          for (const b of sorted.slice(i)) expect(compareNaturally(a, b)).to.be.at.most(0);
      }),
    );
  });
});
