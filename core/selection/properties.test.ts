import { expect } from 'chai';
import fc from 'fast-check';
import { subsets, withoutUndefined } from '../../test/core/candidates.ts';
import type { AttachStrategy, HostNic } from '../api/types.ts';
import { membersOf } from '../layout/members.ts';
import { isOfClass } from './devClass.ts';
import { stillMeets } from './held.ts';
import { looksAtBandwidth, selectNics } from './select.ts';
import { nearOrFar } from './topology.ts';
import { availableMbps, type Candidate, type Wish } from './types.ts';

const speeds = [10, 25, 40, 100, 400];
const strategies: AttachStrategy[] = ['none', 'costOpt', 'perfOpt', 'devClass', 'topology'];
const fast = { name: 'fast', ids: [{ vendor: '15b3', products: ['101d'] }] };

const anyNic = fc.record({
  speedMbps: fc.option(fc.constantFrom(...speeds), { nil: undefined, freq: 8 }),
  linkState: fc.constantFrom('up' as const, 'up' as const, 'down' as const, undefined),
  product: fc.constantFrom('101d', '1017', undefined),
  numaNode: fc.constantFrom(0, 1, undefined),
  load: fc.nat(110),
  takenBy: fc.option(fc.constant('pod a/b'), { nil: undefined, freq: 8 }),
});

const anyCandidates = fc.array(anyNic, { maxLength: 7 }).map(list =>
  list.map(({ load, takenBy, ...nic }, i): Candidate => {
    const own = withoutUndefined({ interfaceName: `eth${i}`, vendor: '15b3', ...nic }) as HostNic;
    const member = { nic: own, netAddress: '172.20.1.0/24', ordinal: i, hostAddresses: [] };
    const promisedMbps = Math.floor(((nic.speedMbps ?? 100) * load) / 100);
    return withoutUndefined({ member, promisedMbps, takenBy }) as Candidate;
  }),
);

const anyWish = fc
  .record({
    count: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
    masters: fc.option(fc.uniqueArray(fc.constantFrom('eth0', 'eth1', 'eth2', 'eth9'), { minLength: 1 }), {
      nil: undefined,
      freq: 3,
    }),
    targetMbps: fc.option(fc.integer({ min: 1, max: 900 }), { nil: undefined }),
    deviceClass: fc.option(fc.constant(fast), { nil: undefined, freq: 3 }),
    placement: fc
      .option(fc.array(fc.constantFrom(0, 1), { maxLength: 3 }), { nil: undefined })
      .map(numaNodes => numaNodes && { numaNodes, distance: nearOrFar }),
    bestEffort: fc.option(fc.constant(true), { nil: undefined, freq: 3 }),
  })
  .map(wish => withoutUndefined(wish) as Wish);

const anyStrategy = fc.constantFrom(...strategies);

function without(wish: Wish, key: keyof Wish): Wish {
  return Object.fromEntries(Object.entries(wish).filter(([name]) => name !== key));
}

/** NICs that may be promised of, by the contract's words and nothing else. */
function mayUse(candidates: readonly Candidate[], wish: Wish): Candidate[] {
  return candidates.filter(({ member: { nic }, takenBy, promisedMbps }) => {
    if (nic.linkState === 'down' || takenBy !== undefined) return false;
    if (wish.deviceClass && !isOfClass(nic, wish.deviceClass)) return false;
    if (wish.masters && !wish.masters.includes(nic.interfaceName)) return false;
    return nic.speedMbps !== undefined && nic.speedMbps > promisedMbps;
  });
}

const sum = (list: readonly number[]) => list.reduce((total, value) => total + value, 0);
const leftOf = (candidate: Candidate) => availableMbps(candidate) ?? 0;
const speedOf = ({ member }: Candidate) => member.nic.speedMbps ?? 0;

describe('every strategy', () => {
  it('gives no more than asked, no NIC twice, none that it may not use, and promises what is left only', () => {
    fc.assert(
      fc.property(anyStrategy, anyCandidates, anyWish, (strategy, candidates, wish) => {
        const selection = selectNics(strategy, candidates, wish);
        if (!selection.ok) {
          expect(selection.lacks).not.to.equal('');
          return;
        }
        const chosen = selection.nics.map(({ member }) => candidates.find(one => one.member === member));
        expect(chosen).not.to.include(undefined);
        expect(new Set(chosen).size).to.equal(chosen.length);
        expect(chosen.length).to.be.within(1, wish.count ?? candidates.length);
        for (const [i, candidate] of chosen.entries()) {
          if (!candidate) continue;
          const { nic } = candidate.member;
          expect(nic.linkState).not.to.equal('down');
          expect(candidate.takenBy).to.equal(undefined);
          if (wish.deviceClass) expect(isOfClass(nic, wish.deviceClass)).to.equal(true);
          if (wish.masters) expect(wish.masters).to.include(nic.interfaceName);
          const promised = selection.nics[i]?.promisedMbps ?? -1;
          expect(promised).to.be.within(0, looksAtBandwidth(strategy) ? leftOf(candidate) : 0);
        }
        if (wish.bestEffort) return;
        expect(selection).not.to.have.property('short');
        if (wish.count !== undefined) expect(chosen.length).to.equal(wish.count);
        if (looksAtBandwidth(strategy)) {
          expect(sum(selection.nics.map(({ promisedMbps }) => promisedMbps))).to.equal(wish.targetMbps ?? 0);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('meets a target that some set of NICs meets, and refuses one that none does', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('costOpt' as const, 'perfOpt' as const),
        anyCandidates,
        anyWish,
        (strategy, candidates, wish) => {
          const { targetMbps = 1 } = wish;
          const strict: Wish = { ...without(without(wish, 'bestEffort'), 'masters'), targetMbps };
          const met = [...subsets(mayUse(candidates, strict))].some(
            set => sum(set.map(leftOf)) >= targetMbps && set.length === (strict.count ?? set.length),
          );
          expect(selectNics(strategy, candidates, strict).ok).to.equal(met);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('gives best effort something wherever it may use anything, and everything where that is to be had', () => {
    fc.assert(
      fc.property(anyStrategy, anyCandidates, anyWish, (strategy, candidates, wish) => {
        const strict = without(wish, 'bestEffort');
        const exact = selectNics(strategy, candidates, strict);
        const lenient = selectNics(strategy, candidates, { ...strict, bestEffort: true });
        if (exact.ok) expect(lenient).to.deep.equal(exact);
        else if (lenient.ok) expect(lenient.short).to.be.a('string');
      }),
    );
  });

  it('has the same answer for an attachment that holds what it was given', () => {
    fc.assert(
      fc.property(anyStrategy, anyCandidates, anyWish, (strategy, candidates, wish) => {
        const { targetMbps } = wish;
        const own = looksAtBandwidth(strategy) ? wish : without(wish, 'targetMbps');
        // All that have any left: that changes with what others are promised.
        fc.pre(!(looksAtBandwidth(strategy) && targetMbps === undefined && own.count === undefined));
        const selection = selectNics(strategy, candidates, own);
        if (!selection.ok) return;
        const held = selection.nics.map(({ member, promisedMbps }) => ({
          master: member.nic.interfaceName,
          netAddress: member.netAddress,
          addresses: [],
          ...(promisedMbps > 0 && { promisedMbps }),
        }));
        expect(stillMeets(held, candidates, own)).to.deep.equal(selection.nics);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the best choice, against all choices', () => {
  it('of costOpt is the fewest NICs, of those the slowest, of those the least promised', () => {
    fc.assert(
      fc.property(
        anyCandidates,
        fc.integer({ min: 1, max: 900 }),
        fc.option(fc.integer({ min: 1, max: 5 })),
        (candidates, targetMbps, count) => {
          const wish = { targetMbps, ...(count !== null && { count }) };
          const selection = selectNics('costOpt', candidates, wish);
          const meeting = [...subsets(mayUse(candidates, wish))].filter(
            set => sum(set.map(leftOf)) >= targetMbps && set.length === (count ?? set.length),
          );
          expect(selection.ok).to.equal(meeting.length > 0);
          if (!selection.ok) return;
          const cost = (set: readonly Candidate[]) => [
            set.length,
            sum(set.map(speedOf)),
            sum(set.map(c => c.promisedMbps)),
          ];
          const least = meeting
            .map(cost)
            .sort(([a = 0, b = 0, c = 0], [d = 0, e = 0, f = 0]) => a - d || b - e || c - f)[0];
          const members = selection.nics.map(({ member }) => member);
          expect(cost(candidates.filter(({ member }) => members.includes(member)))).to.deep.equal(least);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('of perfOpt has the most left', () => {
    fc.assert(
      fc.property(
        anyCandidates,
        fc.integer({ min: 1, max: 900 }),
        fc.integer({ min: 1, max: 5 }),
        (candidates, targetMbps, count) => {
          const wish = { targetMbps, count };
          const selection = selectNics('perfOpt', candidates, wish);
          const sets = [...subsets(mayUse(candidates, wish))].filter(set => set.length === count);
          const most = Math.max(-1, ...sets.map(set => sum(set.map(leftOf))));
          expect(selection.ok).to.equal(most >= targetMbps);
          if (!selection.ok) return;
          const members = selection.nics.map(({ member }) => member);
          expect(sum(candidates.filter(({ member }) => members.includes(member)).map(leftOf))).to.equal(most);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('the order in which a host lists its NICs', () => {
  it('changes no choice', () => {
    const nics: HostNic[] = [40, 25, 25, 100, 400, 10].map((speedMbps, i) => ({
      interfaceName: `eth${i}`,
      netAddress: `172.20.${i % 3}.0/24`,
      hostIP: `172.20.${i % 3}.${i + 1}`,
      speedMbps,
      numaNode: i % 2,
      vendor: '15b3',
      product: i < 3 ? '101d' : '1017',
    }));
    const chosen = (strategy: AttachStrategy, list: HostNic[], wish: Wish) => {
      const members = membersOf({ masterNets: [], fromHosts: false }, { hostName: 'n', interfaces: list });
      const selection = selectNics(
        strategy,
        members.map(member => ({ member, promisedMbps: 0 })),
        wish,
      );
      return selection.ok
        ? selection.nics.map(({ member, promisedMbps }) => [member.nic.interfaceName, promisedMbps])
        : selection;
    };
    fc.assert(
      fc.property(
        anyStrategy,
        fc.shuffledSubarray(nics, { minLength: nics.length }),
        anyWish,
        (strategy, shuffled, wish) => {
          expect(chosen(strategy, shuffled, wish)).to.deep.equal(chosen(strategy, nics, wish));
        },
      ),
    );
  });
});
