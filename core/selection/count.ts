import type { Candidate, Choice, Wish } from './types.ts';

/** The first `count` of a list; all of it where no count is given. Fewer do for best effort. */
export function firstOf(ranked: readonly Candidate[], { count, bestEffort = false }: Wish): Choice {
  const wanted = count ?? ranked.length;
  const chosen = ranked.slice(0, wanted);
  if (chosen.length === wanted && wanted > 0) return { ok: true, chosen };
  const lacks =
    chosen.length === 0
      ? 'a NIC with bandwidth left'
      : `${wanted} usable NICs of the network (only ${chosen.length} there)`;
  return bestEffort && chosen.length > 0 ? { ok: true, chosen, short: lacks } : { ok: false, lacks };
}
