import type { Op } from './types.ts';

/** The parts of operations that tell what they are about, with the words that `ip` puts before them. */
const targetWords = {
  name: '',
  address: '',
  dst: '',
  key: '',
  netns: '',
  from: 'from ',
  gateway: 'via ',
  dev: 'dev ',
  altName: 'altname ',
  table: 'table ',
  group: 'group ',
} as const;

/** What an operation is about, in words for an error message, for example '10.9.0.0/16 via 10.1.0.2 dev net1-0'. */
export function targetOf(op: Op): string {
  const parts: Partial<Record<string, unknown>> = { ...op };
  return Object.entries(targetWords)
    .filter(([key]) => typeof parts[key] === 'string' || typeof parts[key] === 'number')
    .map(([key, word]) => `${word}${String(parts[key])}`)
    .join(' ');
}
