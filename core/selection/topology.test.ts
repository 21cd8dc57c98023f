import { expect } from 'chai';
import fc from 'fast-check';
import { subsets, withoutUndefined } from '../../test/core/candidates.ts';
import type { HostNic } from '../api/types.ts';
import { selectNics } from './select.ts';
import type { Candidate, NumaDistance } from './types.ts';

/** Nodes 0 and 1 are one socket, 2 and 3 the other. */
const sockets: NumaDistance = (one, other) => (one === other ? 10 : one >> 1 === other >> 1 ? 12 : 32);

/** The least that any order of the NICs has as the sum of distances to the devices' nodes. */
function leastSum(nics: readonly Candidate[], devices: readonly number[]): number {
  const [device, ...others] = devices;
  if (device === undefined) return 0;
  const sums = nics.map(({ member }, i) => {
    const { numaNode } = member.nic;
    const far = numaNode === undefined ? 1000 : sockets(numaNode, device);
    return far + leastSum(nics.toSpliced(i, 1), others);
  });
  return Math.min(...sums);
}

/** Every way to divide so many among the nodes of the devices where no node had to give one to another to be nearer to its due. */
function fairShares(devices: readonly number[], count: number): number[][] {
  const nodes = [...new Set(devices)];
  const weight = (node: number) => devices.filter(device => device === node).length;
  const all = nodes.reduce<number[][]>(
    (lists, node) =>
      lists.flatMap(list =>
        Array.from({ length: count - list.length + 1 }, (_, n) => [...list, ...Array<number>(n).fill(node)]),
      ),
    [[]],
  );
  const has = (list: readonly number[], node: number) => list.filter(one => one === node).length;
  return all.filter(
    list =>
      list.length === count &&
      nodes.every(from =>
        nodes.every(
          to =>
            has(list, from) === 0 || weight(from) * (2 * has(list, to) + 1) >= weight(to) * (2 * has(list, from) - 1),
        ),
      ),
  );
}

describe('the NICs of topology, against all others', () => {
  const anyPlaced = fc
    .array(fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }), { minLength: 1, maxLength: 6 })
    .map(nodes =>
      nodes.map((numaNode, i): Candidate => {
        const own = withoutUndefined({ interfaceName: `eth${i}`, numaNode }) as HostNic;
        const member = { nic: own, netAddress: '172.20.1.0/24', ordinal: i, hostAddresses: [] };
        return { member, promisedMbps: 0 };
      }),
    );
  const anyDevices = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 5 });

  it('are the nearest to the devices, shared out in proportion', () => {
    fc.assert(
      fc.property(anyPlaced, anyDevices, fc.integer({ min: 1, max: 4 }), (candidates, numaNodes, count) => {
        fc.pre(count <= candidates.length);
        const selection = selectNics('topology', candidates, { count, placement: { numaNodes, distance: sockets } });
        if (!selection.ok) throw new Error(selection.lacks);
        const members = selection.nics.map(({ member }) => member);
        const chosen = candidates.filter(({ member }) => members.includes(member));
        const sets = [...subsets(candidates)].filter(set => set.length === count);
        const isBest = (devices: readonly number[]) =>
          leastSum(chosen, devices) === Math.min(...sets.map(set => leastSum(set, devices)));
        expect(fairShares(numaNodes, count).some(isBest)).to.equal(true);
      }),
      { numRuns: 400 },
    );
  });

  it('do not change with the order in which the kubelet lists the devices', () => {
    fc.assert(
      fc.property(anyPlaced, anyDevices, fc.integer({ min: 1, max: 4 }), (candidates, numaNodes, count) => {
        const chosen = (nodes: readonly number[]) =>
          selectNics('topology', candidates, { count, placement: { numaNodes: nodes, distance: sockets } });
        expect(chosen(numaNodes.toReversed())).to.deep.equal(chosen(numaNodes));
        expect(chosen(numaNodes.toSorted())).to.deep.equal(chosen(numaNodes));
      }),
    );
  });
});
