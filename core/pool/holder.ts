import type { Allocation } from '../api/types.ts';
import type { PoolContent } from './content.ts';

/** Who wants addresses. The pod's UID, or before it is known the reservation, together with the interface identify the attachment. */
export interface Claimant {
  podUID: string;
  reservation?: string;
  namespace: string;
  name: string;
  interface: string;
}

/** A pod that exists, and the reservation that was made when it was created. */
export interface Holder {
  uid: string;
  name: string;
  namespace: string;
  reservation?: string | undefined;
  /** Its interfaces in the network. What was reserved for others is released: another webhook has moved the elements since. Default: any. */
  interfaces?: readonly string[];
}

/** The claimant as the pod that it is. */
export function holderOf({ podUID: uid, name, namespace, reservation }: Claimant): Holder {
  return { uid, name, namespace, reservation };
}

/**
 * Whether the record is this attachment's, and alive. A pod that exists finds its records by its UID alone. A reservation's id can be copied
 * from the annotations of a pod whose records are not confirmed yet, so it only finds what is still reserved, in its namespace, for a pod
 * that is being created.
 */
export function isHeldBy(record: Allocation, claimant: Claimant): boolean {
  if (record.state === 'Released' || record.interface !== claimant.interface) return false;
  if (record.podUID !== '' || claimant.podUID !== '') return record.podUID === claimant.podUID;
  return (
    record.reservation !== undefined &&
    record.reservation === claimant.reservation &&
    record.namespace === claimant.namespace
  );
}

/** Whether the record is a reservation that was made for the pod, and not confirmed yet. */
export function isReservedFor(record: Allocation, { namespace, reservation }: Holder): boolean {
  return (
    reservation !== undefined &&
    record.reservation === reservation &&
    record.state === 'Reserved' &&
    record.namespace === namespace
  );
}

/** Gives a reservation made at creation to the pod, once its UID and name are known. Undefined where there is nothing to do. */
export function confirm(before: PoolContent, pod: Holder, now: Date): PoolContent | undefined {
  let changed = false;
  const allocations = before.allocations.map(record => {
    if (!isReservedFor(record, pod)) return record;
    changed = true;
    const { uid: podUID, name, interfaces = [record.interface] } = pod;
    const since = now.toISOString();
    if (!interfaces.includes(record.interface)) return { ...record, state: 'Released' as const, since };
    return { ...record, podUID, name, state: 'Allocated' as const, since };
  });
  return changed ? { ...before, allocations } : undefined;
}
