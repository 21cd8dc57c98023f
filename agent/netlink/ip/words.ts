import { InvalidArgument } from '../text.ts';
import type { LinkRef, NetnsPath } from '../types.ts';

/** A namespace of an operation, as `ip` names it. */
export type NameOf = (netns: NetnsPath) => string;

/** A link as `ip` takes it: 'if5' where it is known by its index. */
export function device(link: LinkRef): string {
  return typeof link === 'number' ? `if${link}` : link;
}

/** A word and its value, or nothing where there is no value. */
export function option(word: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [word, String(value)];
}

/** A word that stands alone, or nothing. */
export function flag(word: string, wanted: boolean | undefined): string[] {
  return wanted === true ? [word] : [];
}

/** The verb in an operation's name. */
export function verb(op: string): string {
  return op.slice(op.indexOf('.') + 1);
}

/** Whether words can be written in a line of `ip -batch`, which has quotes and comments but no way to escape them. */
export function fitsBatch(words: readonly string[]): boolean {
  return words.every(word => /^[\w.:/@%+,=-]+$/.test(word));
}

/** Throws InvalidArgument for words that no command line can have. */
export function checkWords(words: readonly string[]): void {
  const bad = words.find(word => word.includes('\0'));
  if (bad !== undefined) throw new InvalidArgument(`"${bad}" is not a word for ip`);
}
