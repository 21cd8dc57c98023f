import { expect } from 'chai';
import fc from 'fast-check';
import { happen, histories, settle } from '../test/certs/rotationHistories.ts';
import { Leader, policy, World } from '../test/certs/rotationWorld.ts';

describe('rotations, whatever happens', () => {
  it('never have an API server distrust a leaf that a replica may serve', () => {
    fc.assert(
      fc.property(histories, events => {
        const world = new World();
        const leaders = [new Leader(), new Leader()];
        for (const event of events) {
          happen(world, leaders, event);
          expect(world.distrusted()).to.deep.equal([]);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('come to one authority, its leaf, and nothing else in any caBundle', () => {
    fc.assert(
      fc.property(histories, events => {
        const world = new World();
        const leaders = [new Leader(), new Leader()];
        for (const event of events) happen(world, leaders, event);
        const one = new Leader();
        for (let waits = 0; ; waits++) {
          const step = settle(world, one);
          if (step.do === 'wait' && step.for === 'renewal') break;
          expect(waits).to.be.lessThan(10);
          world.clock += policy.overlapMs;
        }
        const { authorities, leaf } = world.secret.value!;
        expect(authorities).to.have.length(1);
        const [first] = authorities;
        expect(leaf?.issuer).to.equal(first!.id);
        expect(leaf!.notAfter).to.be.greaterThan(world.now);
        expect(world.bundles.map(({ value }) => value)).to.deep.equal([[first!.id], [first!.id]]);
      }),
      { numRuns: 1000 },
    );
  });
});
