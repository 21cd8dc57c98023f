import type { Allocation } from '../api/types.ts';

/** How many pods hold the allocations; one that has no UID yet counts by its reservation. */
export function podCount(held: readonly Allocation[]): number {
  return new Set(
    held.map(({ podUID, reservation, namespace, name }) => podUID || (reservation ?? `${namespace}/${name}`)),
  ).size;
}

/** For messages, of one allocation or more: one of the pods that hold them, and how many others do. */
export function somePods(held: readonly Allocation[]): string {
  const [first] = held;
  const others = podCount(held) - 1;
  return `${first?.namespace}/${first?.name}${others > 0 ? ` and ${others} more` : ''}`;
}
