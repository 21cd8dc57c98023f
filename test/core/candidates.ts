import type { Candidate } from '../../core/selection/types.ts';

/** As JSON has it, and as exactOptionalPropertyTypes wants it. */
export function withoutUndefined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

/** Every set of the NICs. */
export function* subsets(nics: readonly Candidate[]): Generator<Candidate[]> {
  for (let bits = 1; bits < 2 ** nics.length; bits++) yield nics.filter((_, i) => (bits >> i) & 1);
}
