import { isRecord } from './json.ts';

/**
 * What a value from JSON must look like before code may treat it as its type: says what is wrong with it, where; undefined where nothing is.
 * Fields that a shape does not name are not looked at. Fields may be absent where nothing else is said.
 */
export type Shape = (value: unknown, path: string) => string | undefined;

export const text: Shape = (value, path) => (typeof value === 'string' ? undefined : `${path} is not a string`);

export const flag: Shape = (value, path) => (typeof value === 'boolean' ? undefined : `${path} is not a boolean`);

/** A resource.Quantity: Kubernetes writes text, and reads numbers, too. */
export const quantity: Shape = (value, path) =>
  typeof value === 'string' || typeof value === 'number' ? undefined : `${path} is not a quantity`;

/** What Go writes of a nil slice or map. */
export function orNull(shape: Shape): Shape {
  return (value, path) => (value === null ? undefined : shape(value, path));
}

/** A list whose elements all have the shape. */
export function listOf(item: Shape): Shape {
  return (value, path) => {
    if (!Array.isArray(value)) return `${path} is not a list`;
    return firstOf(value.map((one, i) => item(one, `${path}[${i}]`)));
  };
}

/** A text of at most so many characters, or a list or object of at most so many entries. */
export function upTo(most: number, shape: Shape): Shape {
  return (value, path) => (sizeOf(value) > most ? `${path} is longer than ${most}` : shape(value, path));
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string' || Array.isArray(value)) return value.length;
  return isRecord(value) ? Object.keys(value).length : 0;
}

/** An object whose values all have the shape, whatever the keys. */
export function mapOf(item: Shape): Shape {
  return (value, path) => {
    if (!isRecord(value)) return `${path} is not an object`;
    return firstOf(Object.entries(value).map(([key, one]) => item(one, `${path}[${JSON.stringify(key)}]`)));
  };
}

/** @param needed fields that must not be absent, nor null */
export function objectOf(fields: Readonly<Record<string, Shape>>, needed: readonly string[] = []): Shape {
  return (value, path) => {
    if (!isRecord(value)) return `${path} is not an object`;
    const missing = needed.find(key => value[key] === undefined || value[key] === null);
    if (missing !== undefined) return `${path} has no ${missing}`;
    const found = Object.entries(fields).map(([key, field]) =>
      value[key] === undefined ? undefined : field(value[key], `${path}.${key}`),
    );
    return firstOf(found);
  };
}

function firstOf(faults: readonly (string | undefined)[]): string | undefined {
  return faults.find(fault => fault !== undefined);
}
