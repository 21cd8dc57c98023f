import { annotation, label } from '../../core/api/names.ts';
import type { Allocation } from '../../core/api/types.ts';
import { pods, type Pod } from '../../kube/resources.ts';
import type { LeaderContext } from '../leaderContext.ts';
import type { FirstSeen } from './firstSeen.ts';
import { releaseTimeoutMs } from './limits.ts';
import { poolRecords } from './poolRecords.ts';

/**
 * Settles reservations that no pod confirmed in time. Mostly there is none: it was refused later in admission; but where there is one
 * (the confirmation was lost) the addresses are its own.
 */
export async function sweepReservations(
  context: LeaderContext,
  { timeoutMs, seen }: { timeoutMs: number; seen: FirstSeen },
  signal: AbortSignal,
): Promise<void> {
  const { informers, pools, log } = context;
  const reserved = [...informers.pools.list()].flatMap(pool =>
    poolRecords(context, pool, 'Reserved').map(({ reservation, namespace }) => ({
      pool: pool.metadata.name,
      reservation,
      namespace,
      key: `${pool.metadata.name} ${namespace} ${reservation}`,
    })),
  );
  seen.keep(new Set(reserved.map(({ key }) => key)));
  const overdue = reserved.filter(({ key }) => seen.ageMs(key) >= timeoutMs);
  if (overdue.length === 0) return;
  const claimed = await podsByReservation(context, new Set(overdue.map(({ namespace }) => namespace)), signal);
  for (const { pool, reservation, namespace } of overdue) {
    const pod = reservation === undefined ? undefined : claimed.get(`${namespace} ${reservation}`);
    const options = { timeoutMs: releaseTimeoutMs };
    if (pod && reservation !== undefined) {
      const { uid = '', name } = pod.metadata;
      await pools.confirm(pool, reservation, { uid, name, namespace }, options);
    } else {
      const matches = (record: Allocation): boolean =>
        record.state === 'Reserved' && record.reservation === reservation && record.namespace === namespace;
      await pools.release(pool, matches, options);
    }
    log.info({ pool, namespace, pod: pod?.metadata.name }, pod ? 'reservation confirmed late' : 'reservation released');
  }
}

/** The pods that carry a reservation, by namespace and reservation; as the API server has them now, not as a copy had them. */
async function podsByReservation(
  { client }: LeaderContext,
  namespaces: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Map<string, Pod>> {
  const found = new Map<string, Pod>();
  for (const namespace of namespaces) {
    const { items } = await client.list(pods, { namespace, labelSelector: `${label.injected}=true`, signal });
    for (const pod of items) {
      const reservation = pod.metadata.annotations?.[annotation.reservation];
      if (reservation !== undefined) found.set(`${namespace} ${reservation}`, pod);
    }
  }
  return found;
}
