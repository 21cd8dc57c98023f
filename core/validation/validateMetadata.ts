import type { MultiNicNetwork } from '../api/types.ts';
import { error, type Finding, warning } from '../network/finding.ts';
import { oldFinalizer } from '../predecessor/objects.ts';
import type { Draft } from './draft.ts';

/** metadata.name: it names definitions, a routing table and the extended resource, whose parts are DNS-1123 labels. */
export function validateName({ name }: Draft): Finding[] {
  if (name.length <= 63 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name)) return [];
  const why = name.length > 63 ? `has ${name.length} characters` : `"${name}" is not a DNS-1123 label`;
  return [error('MNN_NAME_INVALID', 'metadata.name', why)];
}

/** Manifests that were saved from a cluster of the predecessor bring its finalizer along. */
export function validateFinalizers({ metadata }: MultiNicNetwork): Finding[] {
  return (metadata.finalizers ?? []).flatMap((name, i) =>
    oldFinalizer.test(name)
      ? [warning('MNN_FINALIZER', `metadata.finalizers[${i}]`, `${name} keeps the network from being deleted`)]
      : [],
  );
}
