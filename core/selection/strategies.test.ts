import { expect } from 'chai';
import type { AttachStrategy, HostNic } from '../api/types.ts';
import { selectNics } from './select.ts';
import { nearOrFar } from './topology.ts';
import type { Candidate, Wish } from './types.ts';
import { strategyOf } from './wish.ts';

const G = 1000;

/** A NIC, what is promised of it, and who has it. */
function nic(
  interfaceName: string,
  speedMbps: number | undefined,
  { promised = 0, takenBy, ...more }: Partial<HostNic> & { promised?: number; takenBy?: string } = {},
): Candidate {
  const own: HostNic = { interfaceName, ...(speedMbps === undefined ? {} : { speedMbps }), ...more };
  const member = { nic: own, netAddress: '172.20.1.0/24', ordinal: 0, hostAddresses: [] };
  return { member, promisedMbps: promised, ...(takenBy !== undefined && { takenBy }) };
}

/** The NICs with what each promises, `a=100`, or what is lacking. */
function choose(strategy: AttachStrategy, candidates: readonly Candidate[], wish: Wish): string {
  const selection = selectNics(strategy, candidates, wish);
  if (!selection.ok) return `lacks ${selection.lacks}`;
  const nics = selection.nics.map(
    ({
      member: {
        nic: { interfaceName },
      },
      promisedMbps: mbps,
    }) => (mbps > 0 ? `${interfaceName}=${mbps}` : interfaceName),
  );
  return nics.join(' ') + (selection.short === undefined ? '' : ` short of ${selection.short}`);
}

type Row = [what: string, candidates: Candidate[], wish: Wish, result: string];

function table(strategy: AttachStrategy, rows: readonly Row[]): void {
  for (const [what, candidates, wish, result] of rows) {
    it(what, () => {
      expect(choose(strategy, candidates, wish)).to.equal(result);
    });
  }
}

const mixed = [nic('a', 10 * G), nic('b', 100 * G), nic('c', 25 * G), nic('d', 25 * G), nic('e', 400 * G)];

describe('strategy costOpt', () => {
  table('costOpt', [
    ['takes one NIC where one is enough, the slowest that is', mixed, { targetMbps: 25 * G }, 'c=25000'],
    ['takes the fewest, not the slowest', mixed, { targetMbps: 60 * G }, 'b=60000'],
    ['takes several where no single one is enough', mixed, { targetMbps: 450 * G }, 'b=100000 e=350000'],
    ['takes the slowest of as many', mixed, { targetMbps: 30 * G, count: 2 }, 'a=10000 c=20000'],
    [
      'takes the least promised of equal ones',
      [nic('a', 25 * G, { promised: 5 * G }), nic('b', 25 * G, { promised: 1 * G })],
      { targetMbps: 10 * G },
      'b=10000',
    ],
    ['takes the first of equal ones', [nic('a', 25 * G), nic('b', 25 * G)], { targetMbps: 10 * G }, 'a=10000'],
    [
      'counts what is left, not the speed',
      [nic('a', 100 * G, { promised: 95 * G }), nic('b', 100 * G, { promised: 20 * G })],
      { targetMbps: 80 * G },
      'b=80000',
    ],
    [
      'divides evenly, the remainder first',
      [nic('a', 10), nic('b', 10), nic('c', 10)],
      { targetMbps: 20, count: 3 },
      'a=7 b=7 c=6',
    ],
    [
      'passes over a link that is down',
      [nic('a', 10 * G, { linkState: 'down' }), nic('b', 100 * G)],
      { targetMbps: G },
      'b=1000',
    ],
    ['passes over a NIC at its limit', [nic('a', 10 * G, { promised: 10 * G }), nic('b', 100 * G)], { count: 1 }, 'b'],
    [
      'passes over a NIC of unknown speed where there is a target',
      [nic('a', undefined), nic('b', 100 * G)],
      { targetMbps: G },
      'b=1000',
    ],
    ['takes one of unknown speed last without a target', [nic('a', undefined), nic('b', 100 * G)], { count: 1 }, 'b'],
    ['takes the slowest without a target', mixed, { count: 2 }, 'a c'],
    ['takes all without a target and a count', mixed, {}, 'a b c d e'],
    ['keeps to the names', mixed, { masters: ['e', 'b'], targetMbps: 90 * G }, 'b=90000'],
    ['refuses more than there is', mixed, { targetMbps: 600 * G }, 'lacks 600Gbps (5 NICs with 560Gbps left)'],
    [
      'grants best effort as far as it goes',
      [nic('a', 10 * G), nic('b', 10 * G, { promised: 4 * G })],
      { targetMbps: 100 * G, bestEffort: true },
      'a=10000 b=6000 short of 100Gbps (2 NICs with 16Gbps left)',
    ],
  ]);
});

describe('strategy perfOpt', () => {
  table('perfOpt', [
    ['takes the NICs with the most left', mixed, { count: 2 }, 'b e'],
    [
      'counts what others were promised',
      [nic('a', 400 * G, { promised: 390 * G }), nic('b', 100 * G)],
      { count: 1, targetMbps: 50 * G },
      'b=50000',
    ],
    ['takes all without a count', [nic('a', 10), nic('b', 10)], { targetMbps: 10 }, 'a=5 b=5'],
    [
      'lets the faster ones carry more where a slow one has no more',
      [nic('a', 10), nic('b', 100)],
      { targetMbps: 60 },
      'a=10 b=50',
    ],
    [
      'takes the less promised of those with as much left',
      [nic('a', 20, { promised: 10 }), nic('b', 10)],
      { count: 1 },
      'b',
    ],
    ['takes one of unknown speed last, and none with a target', [nic('a', undefined), nic('b', 10)], { count: 1 }, 'b'],
    [
      'refuses a target that the count cannot have',
      mixed,
      { count: 1, targetMbps: 401 * G },
      'lacks 401Gbps (1 NIC with 400Gbps left)',
    ],
    ['refuses a count that it does not have', mixed, { count: 6 }, 'lacks 6 usable NICs of the network (only 5 there)'],
    [
      'grants best effort',
      [nic('a', 10)],
      { count: 3, targetMbps: 5, bestEffort: true },
      'a=5 short of 3 usable NICs of the network (only 1 there)',
    ],
  ]);
});

describe('strategy devClass', () => {
  const fast = {
    name: 'fast',
    ids: [
      { vendor: '15B3', products: ['101d', '0x1021'] },
      { vendor: '15b3', products: ['1017'] },
    ],
  };
  const of = (interfaceName: string, product: string, more: Partial<HostNic> = {}) =>
    nic(interfaceName, undefined, { vendor: '15b3', product, ...more });
  const nics = [of('a', '9999'), of('b', '101D'), of('c', '1017'), of('d', '1021'), nic('e', undefined)];
  table('devClass', [
    ['takes the NICs of the class, of every entry, whatever the case', nics, { deviceClass: fast }, 'b c d'],
    ['filters first and counts then', nics, { deviceClass: fast, count: 2 }, 'b c'],
    [
      'refuses more than the class has',
      nics,
      { deviceClass: fast, count: 4 },
      'lacks 4 usable NICs of the network (only 3 there)',
    ],
    [
      'refuses a NIC by name that is of another class',
      nics,
      { deviceClass: fast, masters: ['b', 'a'] },
      'lacks the NIC a in the network with its link up and of class fast',
    ],
    ['is none without a class', nics, { count: 1 }, 'a'],
  ]);
});

describe('strategy topology', () => {
  const nics = [nic('a', G, { numaNode: 1 }), nic('b', G, { numaNode: 0 }), nic('c', G), nic('d', G, { numaNode: 0 })];
  const beside = (...numaNodes: number[]) => ({ placement: { numaNodes, distance: nearOrFar } });
  const rails = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name, i) => nic(name, G, { numaNode: i < 4 ? 0 : 1 }));
  table('topology', [
    ['takes the NICs nearest to the devices, nearest first', nics, { ...beside(0), count: 3 }, 'b d a'],
    ['goes to where most devices are', nics, { ...beside(1, 0, 1), count: 1 }, 'a'],
    ['has NICs near each device, where devices are on several nodes', rails, { ...beside(0, 1), count: 2 }, 'a e'],
    ['shares NICs out as devices are', rails, { ...beside(1, 1, 0, 1), count: 4 }, 'a e f g'],
    ['takes all without a count, nearest first', nics, beside(0), 'b d a c'],
    ['takes one of unknown node last', [nic('a', G), nic('b', G, { numaNode: 1 })], { ...beside(0), count: 1 }, 'b'],
    [
      'passes over a link that is down',
      [nic('z', G, { numaNode: 0, linkState: 'down' }), ...nics],
      beside(0),
      'b d a c',
    ],
    ['chooses among the NICs that the pod names', nics, { ...beside(0), masters: ['c', 'a', 'b'], count: 1 }, 'b'],
    ['keeps the order of the NICs that the pod names', nics, { ...beside(0), masters: ['c', 'a', 'b'] }, 'c a b'],
    [
      'refuses more than there is',
      nics,
      { ...beside(0), count: 5 },
      'lacks 5 usable NICs of the network (only 4 there)',
    ],
    [
      'grants best effort',
      nics,
      { ...beside(1), count: 5, bestEffort: true },
      'a b d c short of 5 usable NICs of the network (only 4 there)',
    ],
    ['is none where the devices are not known', nics, { count: 2 }, 'a b'],
    ['is none where no device says its node', nics, { ...beside(), count: 2 }, 'a b'],
    [
      'measures with the table of distances that it is given',
      nics,
      { placement: { numaNodes: [2], distance: (one, other) => (one === 1 && other === 2 ? 12 : 32) }, count: 1 },
      'a',
    ],
  ]);
});

describe('a strategy that was stored before the schema', () => {
  for (const strategy of ['perf', '', 'constructor']) {
    it(`is none: "${strategy}"`, () => {
      const plugin = { cniVersion: '1.0.0', type: 'macvlan' };
      const attachPolicy = { strategy: strategy as AttachStrategy };
      expect(choose(strategyOf({ spec: { plugin, attachPolicy } }), [nic('a', G), nic('b', G)], {})).to.equal('a b');
    });
  }
});

describe('NICs that others have', () => {
  const nics = [nic('a', G, { takenBy: 'pod x/y' }), nic('b', G)];
  table('none', [
    ['are passed over', nics, {}, 'b'],
    [
      'are named in a refusal',
      nics,
      { count: 2 },
      'lacks 2 usable NICs of the network (only 1 there); a is taken by pod x/y',
    ],
    [
      'cannot be had by name',
      nics,
      { masters: ['a'] },
      'lacks the NIC a in the network with its link up (a is taken by pod x/y)',
    ],
    [
      'are left out of best effort',
      nics,
      { masters: ['a', 'b'], bestEffort: true },
      'b short of the NIC a in the network with its link up (a is taken by pod x/y)',
    ],
  ]);
});
