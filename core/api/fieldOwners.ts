import { isRecord } from '../json.ts';
import type { ObjectMeta } from './types.ts';

/**
 * Whether a writer has set a field, and nobody else has set it to what it is now (meta/v1 ManagedFieldsEntry, fieldsV1). An object that does not
 * say who has set what, as copies of informers, says no.
 * @param path names of fields, for example `['spec', 'linkState']`
 */
export function isSetByAlone(
  { managedFields = [] }: Pick<ObjectMeta, 'managedFields'>,
  manager: string,
  path: readonly string[],
): boolean {
  const setters = managedFields.filter(({ fieldsV1 }) => {
    let at: unknown = fieldsV1;
    for (const name of path) at = isRecord(at) ? at[`f:${name}`] : undefined;
    return at !== undefined;
  });
  return setters.length > 0 && setters.every(entry => entry.manager === manager);
}
