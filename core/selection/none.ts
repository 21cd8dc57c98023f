import { firstOf } from './count.ts';
import type { Candidate, Choice, Wish } from './types.ts';

/**
 * Strategy `none`: the first `count` NICs in the network's order, or in the order in which the pod names them; all where no count is given.
 * Refused where there are fewer. Speeds, promises and a target are not looked at.
 */
export function none(usable: readonly Candidate[], wish: Wish): Choice {
  return firstOf(usable, wish);
}
