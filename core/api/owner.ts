import { apiGroup, apiVersion, label } from './names.ts';
import type { HostInterface, ObjectMeta, OwnerReference } from './types.ts';

/** The reference by which the garbage collector removes an object with the MultiNicNetwork that has this metadata. */
export function ownedBy({ name, uid = '' }: Pick<ObjectMeta, 'name' | 'uid'>): OwnerReference {
  return { apiVersion, kind: 'MultiNicNetwork', name, uid };
}

/** The MultiNicNetwork that owns the object, if one does. */
export function networkOwner({ ownerReferences = [] }: ObjectMeta): OwnerReference | undefined {
  return ownerReferences.find(owner => owner.kind === 'MultiNicNetwork' && owner.apiVersion.startsWith(`${apiGroup}/`));
}

/** Whether the HostInterface is written by its user, so that the agent leaves it alone. The predecessor's controller compares without regard to case. */
export function isUsers({ metadata }: Pick<HostInterface, 'metadata'>): boolean {
  return metadata.labels?.[label.unmanaged]?.toLowerCase() === 'true';
}
