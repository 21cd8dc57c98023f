/** Whether a value from JSON is an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether objects and lists in a value from JSON are nested deeper than so many levels. */
export function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some(inner => isDeeperThan(inner, levels - 1));
}

/**
 * An object's key as Go's encoding/json compares it, with which CNI plugins and Multus read: in any case, and U+017F, the long s, is an s. (U+212A, the
 * sign of kelvin, is a k in small letters already.)
 */
export function foldedKey(key: string): string {
  return key.toLowerCase().replaceAll('\u017f', 's');
}
