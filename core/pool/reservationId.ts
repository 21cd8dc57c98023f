import { createHash } from 'node:crypto';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The id under which a pod that is being created has addresses before it has a UID. Its last part tells for which pod: an id that came
 * along in the annotations of another one's manifest finds nothing.
 * @param random a UUID (RFC 9562), of which all but the last part is kept
 * @param pod the pod's namespace, and its name or generateName
 */
export function reservationId(random: string, pod: { namespace: string; name: string }): string {
  return `${random.slice(0, random.lastIndexOf('-'))}-${podDigest(pod)}`;
}

/**
 * Whether the id is for a pod of that name (or generateName).
 * @param digest what came along with an id that was made before the pod was known
 */
export function isReservationFor(id: string, pod: { namespace: string; name: string }, digest?: string): boolean {
  return uuid.test(id) && (reservationId(id, pod) === id || digest === podDigest(pod));
}

/** Tells for which pod a reservation is, beside an id that was made before the pod was known. */
export function podDigest({ namespace, name }: { namespace: string; name: string }): string {
  return createHash('sha256').update(`${namespace}/${name}`).digest('hex').slice(0, 12);
}
