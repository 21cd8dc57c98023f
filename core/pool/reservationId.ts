import { createHash } from 'node:crypto';

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
