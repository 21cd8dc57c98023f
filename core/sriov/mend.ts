import { isDeepStrictEqual } from 'node:util';

/**
 * The stored spec with our fields as wanted; undefined where it is so already. Fields of others stay. Zero, false and empty text are the
 * same as no field: the operator's own writes drop them (Go's omitempty).
 * @param fields those that go where they are not wanted
 */
export function mendedSpec<Spec extends object>(
  stored: object,
  wanted: Spec,
  fields: readonly (keyof Spec & string)[],
): Record<string, unknown> | undefined {
  const found = new Map<string, unknown>(Object.entries(stored));
  const want = new Map<string, unknown>(Object.entries(wanted));
  if ([...fields, ...want.keys()].every(field => isSame(found.get(field), want.get(field)))) return undefined;
  for (const field of fields) found.delete(field);
  return { ...Object.fromEntries(found), ...wanted };
}

function isSame(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(a, b) || (isNothing(a) && isNothing(b));
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === 0 || value === false || value === '';
}
