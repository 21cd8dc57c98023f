import { formatBandwidth } from './bandwidth.ts';
import { availableMbps, type Candidate, type ChosenNic, type Wish } from './types.ts';

/** NICs that have bandwidth left. One of unknown speed can promise nothing, so it counts only where nothing is asked of it. */
export function withBandwidth(usable: readonly Candidate[], { targetMbps }: Wish): Candidate[] {
  return usable.filter(candidate => (availableMbps(candidate) ?? (targetMbps === undefined ? 1 : 0)) > 0);
}

/** What the NICs have left together. */
export function sumAvailable(candidates: readonly Candidate[]): number {
  return candidates.reduce((sum, candidate) => sum + (availableMbps(candidate) ?? 0), 0);
}

/** The chosen ones in the order of all. */
export function inOrderOf(all: readonly Candidate[], chosen: readonly Candidate[]): Candidate[] {
  const picked = new Set(chosen);
  return all.filter(candidate => picked.has(candidate));
}

/** What is missing, for people. */
export function shortOfTarget(best: readonly Candidate[], targetMbps: number): string {
  const nics = best.length === 1 ? '1 NIC' : `${best.length} NICs`;
  return `${formatBandwidth(targetMbps)} (${nics} with ${formatBandwidth(sumAvailable(best))} left)`;
}

/**
 * Divides the target among the chosen NICs: even parts, of whole Mbit/s; one with less left gives what it has and the others more. What
 * does not divide goes to the first ones. Together they promise the target, or all that they have where that is less.
 */
export function divide(chosen: readonly Candidate[], targetMbps: number): ChosenNic[] {
  const parts = new Map<Candidate, number>();
  let open = targetMbps;
  // Least first: what it cannot give is known when the others' turn comes. Of equals the last first, as the remainder is for those asked later.
  const byLeft = [...chosen].reverse().sort((a, b) => (availableMbps(a) ?? 0) - (availableMbps(b) ?? 0));
  for (const [i, candidate] of byLeft.entries()) {
    const part = Math.min(availableMbps(candidate) ?? 0, Math.floor(open / (byLeft.length - i)));
    parts.set(candidate, part);
    open -= part;
  }
  return chosen.map(candidate => ({ member: candidate.member, promisedMbps: parts.get(candidate) ?? 0 }));
}
