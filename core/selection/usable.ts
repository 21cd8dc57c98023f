import { isUp } from '../layout/members.ts';
import { isOfClass } from './devClass.ts';
import type { Candidate, Wish } from './types.ts';

/** NICs that a strategy may use, in the pod's order where it names them, or why there is none that it asks for. */
export type Usable =
  { ok: true; usable: Candidate[]; passedOver: string; short?: string } | { ok: false; lacks: string };

/**
 * Takes out the NICs that no strategy may use: those with their link down, those that others have, those of other classes, and where the
 * pod names NICs all others. A name that is not among the rest is refused; best effort goes without it.
 */
export function usableOf(candidates: readonly Candidate[], { masters, deviceClass, bestEffort = false }: Wish): Usable {
  const up = candidates.filter(({ member }) => isUp(member));
  const free = up.filter(({ takenBy }) => takenBy === undefined);
  const usable = deviceClass ? free.filter(({ member }) => isOfClass(member.nic, deviceClass)) : free;
  const taken = up.filter(candidate => !free.includes(candidate));
  const passedOver = taken
    .map(({ member, takenBy }) => `${member.nic.interfaceName} is taken by ${takenBy}`)
    .join(', ');
  const of = deviceClass ? ` and of class ${deviceClass.name}` : '';
  const nobody = `a NIC of the network with its link up${of}${inBrackets(passedOver)}`;
  if (usable.length === 0) return { ok: false, lacks: nobody };
  if (!masters) return { ok: true, usable, passedOver };
  const byName = namesOf(usable);
  const named = [...new Set(masters.flatMap(name => byName.get(name) ?? []))];
  const missing = masters.filter(name => !byName.has(name));
  if (missing.length === 0) return { ok: true, usable: named, passedOver };
  const lacks = `the NIC ${missing.join(', ')} in the network with its link up${of}${inBrackets(passedOver)}`;
  return bestEffort && named.length > 0 ? { ok: true, usable: named, passedOver, short: lacks } : { ok: false, lacks };
}

/** By all their names; an alternative name is not another one's own. */
function namesOf(candidates: readonly Candidate[]): Map<string, Candidate> {
  const alternatives = candidates.flatMap(candidate =>
    (candidate.member.nic.altNames ?? []).map(name => [name, candidate] as const),
  );
  const own = candidates.map(candidate => [candidate.member.nic.interfaceName, candidate] as const);
  return new Map([...alternatives, ...own]);
}

function inBrackets(text: string): string {
  return text === '' ? '' : ` (${text})`;
}
