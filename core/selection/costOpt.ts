import { firstOf } from './count.ts';
import { none } from './none.ts';
import { inOrderOf, shortOfTarget, sumAvailable, withBandwidth } from './target.ts';
import { availableMbps, type Candidate, type Choice, type Wish } from './types.ts';

/**
 * Strategy `costOpt`: the cheapest NICs that have the target left together: the fewest, of those the slowest (by the sum of their speeds),
 * of those the least promised, and among NICs that are equal in this the network's order. With a count, so many NICs, and the cheapest of
 * those. Without a target the `count` slowest, and without either all, as with `none`. The result is in the network's order. Refused where
 * all that the strategy may take have less left than the target. NICs at their limit are passed over; so is one of unknown speed where there
 * is a target, and without one it comes last.
 */
export function costOpt(usable: readonly Candidate[], wish: Wish): Choice {
  const { targetMbps, count, bestEffort = false } = wish;
  const left = withBandwidth(usable, wish);
  if (targetMbps === undefined) {
    if (count === undefined) return none(left, wish);
    const first = firstOf([...left].sort(cheaper), wish);
    return first.ok ? { ...first, chosen: inOrderOf(usable, first.chosen) } : first;
  }
  const most = [...left].sort((a, b) => (availableMbps(b) ?? 0) - (availableMbps(a) ?? 0));
  const best = firstOf(most, wish);
  if (!best.ok) return best;
  if (sumAvailable(best.chosen) < targetMbps) {
    const lacks = shortOfTarget(best.chosen, targetMbps);
    return bestEffort ? { ...best, chosen: inOrderOf(usable, best.chosen), short: lacks } : { ok: false, lacks };
  }
  const size = count === undefined ? fewest(most, targetMbps) : best.chosen.length;
  return { ...best, chosen: inOrderOf(usable, cheapest(left, size, targetMbps)) };
}

function cheaper(a: Candidate, b: Candidate): number {
  return (speedOf(a) ?? Infinity) === (speedOf(b) ?? Infinity)
    ? a.promisedMbps - b.promisedMbps
    : (speedOf(a) ?? Infinity) - (speedOf(b) ?? Infinity);
}

/** How many of the list, from its start, it takes to have the target. */
function fewest(most: readonly Candidate[], targetMbps: number): number {
  let sum = 0;
  return most.findIndex(candidate => (sum += availableMbps(candidate) ?? 0) >= targetMbps) + 1;
}

/** NICs of one speed, least promised first: of so many of them, the first are best in every way. */
interface SpeedClass {
  speed: number;
  nics: Candidate[];
}

interface Picked {
  speed: number;
  available: number;
  nics: Candidate[];
}

/**
 * The `size` NICs with the least sum of speeds that have the target left; of equal sums those with the most left. As within one speed the
 * order is clear, only how many to take of each speed is searched.
 */
function cheapest(left: readonly Candidate[], size: number, targetMbps: number): Candidate[] {
  const classes = speedClasses(left);
  let best: Picked | undefined;
  const search = (from: number, open: number, pick: Picked): void => {
    if (best && !isBetter(pick, best)) return;
    if (open === 0) {
      if (pick.available >= targetMbps) best = pick;
      return;
    }
    const current = classes[from];
    if (!current || pick.available + mostOf(classes, from, open) < targetMbps) return;
    // The slow ones first: a good pick is found early, and cuts the rest off.
    for (let taken = Math.min(open, current.nics.length); taken >= 0; taken--) {
      const nics = current.nics.slice(0, taken);
      search(from + 1, open - taken, {
        speed: pick.speed + taken * current.speed,
        available: pick.available + sumAvailable(nics),
        nics: [...pick.nics, ...nics],
      });
    }
  };
  search(0, size, { speed: 0, available: 0, nics: [] });
  return best?.nics ?? [];
}

/** Whether a pick, or what may still become of it, can beat another: speeds only add up. */
function isBetter(pick: Picked, than: Picked): boolean {
  return pick.speed < than.speed || (pick.speed === than.speed && pick.available > than.available);
}

function speedClasses(left: readonly Candidate[]): SpeedClass[] {
  const bySpeed = Map.groupBy(left, candidate => speedOf(candidate) ?? 0);
  return [...bySpeed]
    .map(([speed, nics]) => ({ speed, nics: nics.sort((a, b) => a.promisedMbps - b.promisedMbps) }))
    .sort((a, b) => a.speed - b.speed);
}

/** No `count` NICs of these classes have more left than this. */
function mostOf(classes: readonly SpeedClass[], from: number, count: number): number {
  const left = classes.slice(from).flatMap(({ nics }) => nics.map(nic => availableMbps(nic) ?? 0));
  return left
    .sort((a, b) => b - a)
    .slice(0, count)
    .reduce((sum, mbps) => sum + mbps, 0);
}

function speedOf({ member }: Candidate): number | undefined {
  return member.nic.speedMbps;
}
