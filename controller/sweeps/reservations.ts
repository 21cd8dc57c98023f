import { interfacesIn, readNetworks } from '../../core/annotation/networks.ts';
import { annotation, label } from '../../core/api/names.ts';
import type { Allocation } from '../../core/api/types.ts';
import { auditedPod } from '../../core/audit/readPod.ts';
import { addressesOf } from '../../core/audit/view.ts';
import { type Pod, pods } from '../../kube/api/resources.ts';
import { eachOf } from '../../kube/process/eachOf.ts';
import type { FirstSeen } from '../../kube/process/firstSeen.ts';
import type { LeaderContext } from '../context/leaderContext.ts';
import { releaseTimeoutMs } from './limits.ts';
import { isChanged, poolRecords } from './poolRecords.ts';

/** Written at the same time. */
const poolsAtOnce = 4;

interface Overdue {
  pool: string;
  network: string;
  record: Allocation;
}

/**
 * Settles reservations that no pod confirmed in time. Mostly there is no pod, as it was refused later in admission; if there is one
 * (the confirmation was lost), the addresses become its own.
 */
export async function sweepReservations(
  context: LeaderContext,
  { timeoutMs, seen }: { timeoutMs: number; seen: FirstSeen },
  signal: AbortSignal,
): Promise<void> {
  const reserved = [...context.informers.pools.list()].flatMap(pool =>
    poolRecords(context, pool, 'Reserved').map(record => ({
      pool: pool.metadata.name,
      network: pool.spec.network,
      record,
      key: [pool.metadata.name, record.namespace, record.reservation, ...addressesOf(record.nics)].join(' '),
    })),
  );
  seen.keep(new Set(reserved.map(({ key }) => key)));
  const overdue = reserved.filter(({ key }) => seen.ageMs(key) >= timeoutMs);
  if (overdue.length === 0) return;
  const claimed = await podsByReservation(context, new Set(overdue.map(({ record }) => record.namespace)), signal);
  // Those of one pool are settled in one write. After an outage there are hundreds, and a write for each would take minutes.
  await eachOf(Map.groupBy(overdue, ({ pool }) => pool).values(), poolsAtOnce, async held => {
    signal.throwIfAborted();
    await Promise.all(held.map(one => settle(context, one, podOf(one, claimed))));
  });
}

/** The pod that the reservation was made for, if it is there. */
function podOf({ record }: Overdue, claimed: ReadonlyMap<string, readonly Pod[]>): Pod | undefined {
  const { namespace, reservation } = record;
  return claimed.get(`${namespace} ${reservation}`)?.find(candidate => wasGiven(candidate, record));
}

/** Makes the reservation the pod's own or, without a pod, gives it up. */
async function settle(context: LeaderContext, { pool, network, record }: Overdue, pod: Pod | undefined): Promise<void> {
  const { pools, logger } = context;
  const { reservation, namespace } = record;
  const addresses = addressesOf(record.nics).join();
  const isIt = (other: Allocation): boolean =>
    other.state === 'Reserved' &&
    other.reservation === reservation &&
    other.namespace === namespace &&
    addressesOf(other.nics).join() === addresses;
  const options = { timeoutMs: releaseTimeoutMs };
  const { uid = '', name = '', annotations } = pod?.metadata ?? {};
  const interfaces = interfacesIn(readNetworks(annotations?.[annotation.networks] ?? '') ?? [], network);
  const change = pod
    ? pools.confirm(pool, { uid, name, namespace, reservation, interfaces }, options)
    : pools.release(pool, isIt, options);
  if (!(await isChanged(context, pool, change))) return;
  logger.info(
    { pool, namespace, pod: pod?.metadata.name },
    pod ? 'reservation confirmed late' : 'reservation released',
  );
}

/**
 * The pods that carry each reservation, by namespace and reservation, as the API server has them now, not from a copy. Not those that another webhook
 * has moved to the host network since: they get no interfaces.
 */
async function podsByReservation(
  { client }: LeaderContext,
  namespaces: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Map<string, Pod[]>> {
  const found = new Map<string, Pod[]>();
  for (const namespace of namespaces) {
    const { items } = await client.list(pods, { namespace, labelSelector: `${label.injected}=true`, signal });
    for (const pod of items) {
      const reservation = pod.metadata.annotations?.[annotation.reservation];
      if (reservation === undefined || pod.spec?.hostNetwork) continue;
      const key = `${namespace} ${reservation}`;
      found.set(key, [...(found.get(key) ?? []), pod]);
    }
  }
  return found;
}

/** Whether the pod has the addresses, and not only the reservation's id, which is copied along with a pod's manifest. */
function wasGiven(pod: Pod, { nics }: Allocation): boolean {
  const given = new Set(addressesOf(auditedPod(pod).attachments.flatMap(attachment => attachment.nics)));
  return addressesOf(nics).every(address => given.has(address));
}
