/** Freezes an object and all that it holds: what a copy hands out is shared by everybody. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const part of Object.values(value)) deepFreeze<unknown>(part);
  return Object.freeze(value);
}
