import { firstOf } from './count.ts';
import { inOrderOf, shortOfTarget, sumAvailable, withBandwidth } from './target.ts';
import { availableMbps, type Candidate, type Choice, type Wish } from './types.ts';

/**
 * Strategy `perfOpt`: the `count` NICs with the most bandwidth left, all that have any where no count is given. Ties: the one with less
 * promised, then the network's order. The result is in the network's order. Refused where they have less left than the target, or are
 * fewer than the count. NICs at their limit are passed over; so is one of unknown speed where there is a target, and without one it
 * comes last.
 */
export function perfOpt(usable: readonly Candidate[], wish: Wish): Choice {
  const left = withBandwidth(usable, wish);
  const most = [...left].sort(
    (a, b) => (availableMbps(b) ?? -1) - (availableMbps(a) ?? -1) || a.promisedMbps - b.promisedMbps,
  );
  const first = firstOf(most, wish);
  if (!first.ok) return first;
  const choice = { ...first, chosen: inOrderOf(usable, first.chosen) };
  const { targetMbps = 0, bestEffort = false } = wish;
  if (sumAvailable(choice.chosen) >= targetMbps) return choice;
  const lacks = shortOfTarget(choice.chosen, targetMbps);
  return bestEffort ? { ...choice, short: lacks } : { ok: false, lacks };
}
