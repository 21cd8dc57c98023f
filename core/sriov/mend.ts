import { isDeepStrictEqual } from 'node:util';

/**
 * The stored spec with our fields as wanted; undefined where it is so already. Fields of others stay. Zero, false and empty text are the
 * same as no field: the operator's own writes drop them (Go's omitempty).
 */
export function mendedSpec<Spec extends object>(
  stored: Readonly<Record<string, unknown>>,
  wanted: Spec,
  fields: readonly (keyof Spec & string)[],
): Record<string, unknown> | undefined {
  const same = fields.every(field => isDeepStrictEqual(stored[field] || undefined, wanted[field] || undefined));
  if (same) return undefined;
  const others = Object.entries(stored).filter(([field]) => !fields.some(ours => ours === field));
  return { ...Object.fromEntries(others), ...wanted };
}
