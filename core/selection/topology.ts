import { firstOf } from './count.ts';
import { inOrderOf } from './target.ts';
import type { Candidate, Choice, DevicePlacement, NumaDistance, Wish } from './types.ts';

/** Where the kernel's table is not at hand: the node itself, or another. */
export const nearOrFar: NumaDistance = (nic, device) => (nic === device ? 10 : 20);

/** Farther than any: NICs whose NUMA node is not known are taken last. */
const unknown = Number.MAX_SAFE_INTEGER;

/**
 * Strategy `topology`: the `count` NICs (all, where no count is given) nearest to the pod's devices. The NICs are shared out to the devices'
 * NUMA nodes in proportion to the devices there, and of shares and NICs the nearest find each other first: with tables in which nodes are
 * near each other in groups, as those of sockets and their dies are, no other NICs have a smaller sum of distances. Nearest first, ties
 * in the network's order; NICs that the pod names stay in its order. Where no device's NUMA node is known it is `none`.
 */
export function topology(usable: readonly Candidate[], wish: Wish): Choice {
  const { placement, masters, count = usable.length } = wish;
  if (!placement || placement.numaNodes.length === 0) return firstOf(usable, wish);
  const nearest = nearestNics(usable, Math.min(count, usable.length), placement);
  return firstOf(masters ? inOrderOf(usable, nearest) : nearest, wish);
}

function nearestNics(
  candidates: readonly Candidate[],
  count: number,
  { numaNodes, distance }: DevicePlacement,
): Candidate[] {
  const shares = sharesOf(numaNodes, count);
  const pairs = shares.flatMap((device, share) =>
    candidates.map(({ member }, position) => {
      const { numaNode = -1 } = member.nic;
      return { share, position, far: numaNode < 0 ? unknown : distance(numaNode, device) };
    }),
  );
  pairs.sort((a, b) => a.far - b.far || a.position - b.position || a.share - b.share);
  const served = new Set<number>();
  const taken = new Set<number>();
  for (const { share, position } of pairs) {
    if (served.has(share) || taken.has(position)) continue;
    served.add(share);
    taken.add(position);
  }
  return [...taken].flatMap(position => candidates[position] ?? []);
}

/**
 * Divides so many NICs among the NUMA nodes of the devices, as seats of a parliament among its parties (Sainte-Laguë): each goes to the
 * node with the most devices for the NICs that it has. Of equals the one with the fewest NICs comes first, then the lowest number.
 * @returns the NUMA node of each NIC's devices
 */
function sharesOf(numaNodes: readonly number[], count: number): number[] {
  const parties = [...Map.groupBy(numaNodes, node => node)]
    .map(([node, devices]) => ({ node, devices: devices.length, nics: 0 }))
    .sort((a, b) => a.node - b.node);
  return Array.from({ length: count }, () => {
    const next = parties.reduce((best, party) => (isDue(party, best) ? party : best));
    next.nics++;
    return next.node;
  });
}

interface Party {
  readonly node: number;
  readonly devices: number;
  readonly nics: number;
}

function isDue(one: Party, other: Party): boolean {
  const difference = one.devices * (2 * other.nics + 1) - other.devices * (2 * one.nics + 1);
  return difference > 0 || (difference === 0 && one.nics < other.nics);
}
