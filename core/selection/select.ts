import type { AttachStrategy } from '../api/types.ts';
import { costOpt } from './costOpt.ts';
import { devClass } from './devClass.ts';
import { none } from './none.ts';
import { perfOpt } from './perfOpt.ts';
import { divide } from './target.ts';
import { topology } from './topology.ts';
import type { Candidate, Selection, Strategy, Wish } from './types.ts';
import { usableOf } from './usable.ts';

const strategies: Readonly<Record<AttachStrategy, Strategy>> = { none, costOpt, perfOpt, devClass, topology };

/** Whether there is a strategy of that name. */
export function isStrategy(name: string): name is AttachStrategy {
  return Object.hasOwn(strategies, name);
}

/** Whether a strategy looks at bandwidth, and keeps what it promises. */
export function looksAtBandwidth(strategy: AttachStrategy): boolean {
  return strategy === 'costOpt' || strategy === 'perfOpt';
}

/**
 * Chooses NICs: takes out what no strategy may use, lets the strategy choose of the rest, and divides the target among what it chose.
 * @param candidates the network's NICs on the node, in the network's order
 * @returns NICs in the order of the pod's interfaces, or what the node lacks as the rest of "the node lacks …"
 */
export function selectNics(strategy: AttachStrategy, candidates: readonly Candidate[], wish: Wish): Selection {
  const found = usableOf(candidates, wish);
  if (!found.ok) return found;
  const choice = strategies[strategy](found.usable, wish);
  if (!choice.ok) return { ok: false, lacks: choice.lacks + passed(found.passedOver) };
  const target = looksAtBandwidth(strategy) ? (wish.targetMbps ?? 0) : 0;
  const shorts = [found.short, choice.short].filter(text => text !== undefined);
  return { ok: true, nics: divide(choice.chosen, target), ...(shorts.length > 0 && { short: shorts.join('; ') }) };
}

function passed(over: string): string {
  return over === '' ? '' : `; ${over}`;
}
