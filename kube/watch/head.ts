import type { ObjectMeta } from '../../core/api/types.ts';
import type { KubeObject } from '../api/types.ts';

/** Identifies the object. */
const identity = ['name', 'namespace', 'uid', 'resourceVersion'] as const;

/** The object's kind, its identity and the named parts of its metadata: for copies that keep little of many objects. */
export function headOf(
  { apiVersion, kind, metadata }: KubeObject,
  ...more: readonly (keyof ObjectMeta)[]
): Pick<KubeObject, 'apiVersion' | 'kind' | 'metadata'> {
  return {
    ...(apiVersion !== undefined && { apiVersion }),
    ...(kind !== undefined && { kind }),
    metadata: pick(metadata, [...identity, ...more]),
  };
}

function pick<T extends object>(object: T, keys: readonly (keyof T)[]): T {
  return Object.fromEntries(keys.flatMap(key => (object[key] === undefined ? [] : [[key, object[key]]]))) as T;
}
