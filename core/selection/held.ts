import type { AllocatedNic } from '../api/types.ts';
import { availableMbps, type Candidate, type ChosenNic, type Wish } from './types.ts';
import { usableOf } from './usable.ts';

/**
 * The NICs that an attachment holds already, if they still are what it asks for. A new choice could differ, because the NICs' loads have
 * changed since; a call that is repeated is to have the same answer.
 * @param candidates with what others have of the NICs
 */
export function stillMeets(
  held: readonly AllocatedNic[],
  candidates: readonly Candidate[],
  wish: Wish,
): ChosenNic[] | undefined {
  const found = usableOf(candidates, wish);
  if (!found.ok) return undefined;
  const kept = held.flatMap(({ master, netAddress, promisedMbps = 0 }) => {
    const nic = found.usable.find(
      ({ member }) => member.nic.interfaceName === master && member.netAddress === netAddress,
    );
    return nic && (promisedMbps === 0 || (availableMbps(nic) ?? 0) >= promisedMbps) ? [{ nic, promisedMbps }] : [];
  });
  if (kept.length !== held.length || kept.length === 0) return undefined;
  const promised = kept.reduce((sum, { promisedMbps }) => sum + promisedMbps, 0);
  const { targetMbps = 0, bestEffort = false } = wish;
  // A target chooses how many; without one all NICs are meant.
  const count = wish.count ?? (targetMbps > 0 ? kept.length : found.usable.length);
  const isEnough = kept.length === count && promised === targetMbps;
  const isSome = bestEffort && kept.length <= count && promised <= targetMbps;
  if (!isEnough && !isSome) return undefined;
  return kept.map(({ nic, promisedMbps }) => ({ member: nic.member, promisedMbps }));
}
