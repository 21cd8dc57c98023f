import { InvalidArgument } from './text.ts';
import type { IpvlanMode, MacvlanMode, RouteType, Scope } from './types.ts';

/** A table of the kernel's numbers and our words for them. */
export interface Names<Word extends string> {
  /** The number of a word. Throws InvalidArgument for a word that is not in the table. */
  number(word: Word): number;
  /** The word for a number, if there is one. */
  word(number: number): Word | undefined;
}

function names<Word extends string>(what: string, table: Readonly<Record<Word, number>>): Names<Word> {
  const numbers = new Map<string, number>(Object.entries(table));
  const words = new Map<number, Word>();
  for (const [word, number] of numbers) words.set(number, word as Word);
  return {
    number(word) {
      const number = numbers.get(word);
      if (number === undefined) throw new InvalidArgument(`"${word}" is not a ${what}`);
      return number;
    },
    word: number => words.get(number),
  };
}

/** if_link.h, enum ipvlan_mode. */
export const ipvlanModes = names<IpvlanMode>('mode of ipvlan', { l2: 0, l3: 1, l3s: 2 });
/** if_link.h, enum macvlan_mode. */
export const macvlanModes = names<MacvlanMode>('mode of macvlan', { private: 1, vepa: 2, bridge: 4, passthru: 8 });
/** rtnetlink.h, RTN_*. */
export const routeTypes = names<RouteType>('type of route', {
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
});

/** rtnetlink.h, RT_SCOPE_*. */
const scopes = names<Exclude<Scope, number>>('scope', { global: 0, site: 200, link: 253, host: 254, nowhere: 255 });

/** A route's or address's scope as the kernel has it. */
export function scopeNumber(scope: Scope): number {
  return typeof scope === 'number' ? scope : scopes.number(scope);
}

/** The scope of that number in words; the number itself where it has none. */
export function scopeName(number: number): Scope {
  return scopes.word(number) ?? number;
}
