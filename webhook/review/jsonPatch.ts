/** One operation of a JSON Patch (RFC 6902). */
export type PatchOperation = { op: 'add' | 'replace'; path: string; value: unknown } | { op: 'remove'; path: string };

/** A JSON Pointer (RFC 6901) of these reference tokens, escaped. */
export function pointer(...tokens: readonly (string | number)[]): string {
  return tokens.map(token => `/${String(token).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/**
 * Sets entries of a map that may not exist yet: one by one those that differ, so that nobody else's are touched, or the whole map if
 * there is none.
 * @param at where the map is
 * @param before the map as it is
 */
export function setEntries(
  at: readonly (string | number)[],
  before: Readonly<Record<string, unknown>> | null | undefined,
  entries: Readonly<Record<string, unknown>>,
): PatchOperation[] {
  const keys = Object.keys(entries);
  if (keys.length === 0) return [];
  if (!before) return [{ op: 'add', path: pointer(...at), value: entries }];
  return keys
    .filter(key => before[key] !== entries[key])
    .map(key => ({ op: 'add', path: pointer(...at, key), value: entries[key] }));
}

/** Removes an entry of a map, if it is there. */
export function removeEntry(
  at: readonly (string | number)[],
  before: Readonly<Record<string, unknown>> | null | undefined,
  key: string,
): PatchOperation[] {
  return before && Object.hasOwn(before, key) ? [{ op: 'remove', path: pointer(...at, key) }] : [];
}
