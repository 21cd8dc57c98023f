import { firstOf } from './count.ts';
import type { Candidate, Choice, Wish } from './types.ts';

/** Distance between two NUMA nodes, as the kernel counts it (/sys/devices/system/node/node<n>/distance): 10 is the node itself. */
export type NumaDistance = (nic: number, device: number) => number;

/** Where the kernel's table is not at hand: the node itself, or another. */
const nearOrFar: NumaDistance = (nic, device) => (nic === device ? 10 : 20);

/**
 * Strategy `topology`: the `count` NICs nearest to the pod's devices, nearest first. Where the devices' NUMA nodes are not known it is
 * `none`.
 */
export function topology(usable: readonly Candidate[], wish: Wish): Choice {
  const { numaNodes = [] } = wish;
  return firstOf(numaNodes.length === 0 ? usable : byNumaDistance(usable, numaNodes), wish);
}

/**
 * NICs by the sum of their distances to the pod's devices, least first; those of unknown NUMA node last, ties in the given order.
 * @param devices NUMA nodes of the pod's devices, one entry a device: a node with two of them counts twice
 */
export function byNumaDistance(
  candidates: readonly Candidate[],
  devices: readonly number[],
  distance: NumaDistance = nearOrFar,
): Candidate[] {
  const sum = ({ member: { nic } }: Candidate): number => {
    const { numaNode } = nic;
    if (numaNode === undefined || numaNode < 0) return Infinity;
    return devices.reduce((total, device) => total + distance(numaNode, device), 0);
  };
  const ranked = candidates.map((candidate, position) => ({ candidate, position, far: sum(candidate) }));
  // Infinity - Infinity is no number, so equal is asked first.
  ranked.sort((a, b) => (a.far === b.far ? a.position - b.position : a.far - b.far));
  return ranked.map(({ candidate }) => candidate);
}
