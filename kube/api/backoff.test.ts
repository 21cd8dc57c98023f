import { expect } from 'chai';
import fc from 'fast-check';
import { Backoff, spread } from './backoff.ts';

describe('Backoff', () => {
  it('doubles from the shortest delay to the longest and starts over after a reset', () => {
    const backoff = new Backoff({ minMs: 100, maxMs: 1_000, jitter: 0 });
    expect([1, 2, 3, 4, 5, 6].map(() => backoff.next())).to.deep.equal([100, 200, 400, 800, 1_000, 1_000]);
    backoff.reset();
    expect(backoff.next()).to.equal(100);
  });

  it('stays between its bounds whatever the randomness, and still spreads at the longest', () => {
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(random, fc.nat(40), (number, failures) => {
        const backoff = new Backoff({ random: () => number });
        for (let i = 0; i < failures; i++) backoff.next();
        const delay = backoff.next();
        expect(delay).to.be.within(800, 30_000);
      }),
    );
    const late = (number: number) => {
      const backoff = new Backoff({ random: () => number });
      for (let i = 0; i < 20; i++) backoff.next();
      return backoff.next();
    };
    expect(late(0)).to.be.lessThan(late(0.99));
  });

  it('spreads a time that a server named, which is the least', () => {
    expect(spread(1000, () => 0)).to.equal(1000);
    expect(spread(1000, () => 0.5)).to.equal(1250);
    expect(new Set(Array.from({ length: 20 }, () => spread(1000))))
      .to.have.property('size')
      .greaterThan(1);
  });
});
