import { createHash } from 'node:crypto';

/** Last part of an id whose pod is not known yet. */
const anyPod = '000000000000';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The id under which a pod that is being created has addresses before it has a UID. Its last part tells for which pod: an id that came
 * along in the annotations of another one's manifest finds nothing.
 * @param random a UUID (RFC 9562), of which all but the last part is kept
 * @param name the pod's name, or generateName
 */
export function reservationId(random: string, { namespace, name }: { namespace: string; name: string }): string {
  const digest = createHash('sha256').update(`${namespace}/${name}`).digest('hex');
  return `${random.slice(0, random.lastIndexOf('-'))}-${digest.slice(0, 12)}`;
}

/** Whether the id was made for a pod of that name (or generateName). */
export function isReservationFor(id: string, pod: { namespace: string; name: string }): boolean {
  return uuid.test(id) && reservationId(id, pod) === id;
}

/**
 * The id in the record of a reservation that is made before its pod comes. The pod carries the random one with a last part of its own, which
 * nobody can tell from the record.
 */
export function openReservationId(random: string): string {
  const digest = createHash('sha256')
    .update(random.slice(0, random.lastIndexOf('-')))
    .digest('hex');
  const parts = [digest.slice(0, 8), digest.slice(8, 12), digest.slice(12, 16), digest.slice(16, 20)];
  return `${parts.join('-')}-${anyPod}`;
}

/** Whether the id that a pod carries is of the reservation that has the other one in its record. */
export function isSameReservation(recorded: string, carried: string): boolean {
  return recorded === carried || (isOpen(recorded) && recorded === openOf(carried));
}

/** One text for the id in the record and the one that the pod carries, to find either by the other. */
export function reservationKey({ namespace, reservation = '' }: { namespace: string; reservation?: string }): string {
  return `${namespace} ${openOf(reservation)}`;
}

function openOf(id: string): string {
  return uuid.test(id) && !isOpen(id) ? openReservationId(id) : id;
}

function isOpen(id: string): boolean {
  return id.endsWith(`-${anyPod}`);
}
