import type { Condition, MultiNicNetwork, MultiNicNetworkStatus } from '../../core/api/types.ts';
import { isSamePosition } from '../../core/layout/interfaceIndex.ts';
import { describePosition } from '../../core/status/hosts.ts';
import type { LeaderContext } from '../context/leaderContext.ts';

type Telling = Pick<LeaderContext, 'events' | 'logger'>;

/** Events for conditions that changed: a Warning if one needs attention, and a Normal event when the network becomes ready. */
export function tellConditions({ events }: Telling, object: MultiNicNetwork, status: MultiNicNetworkStatus): void {
  for (const condition of status.conditions ?? []) {
    const before = object.status?.conditions?.find(({ type }) => type === condition.type);
    if (before?.status === condition.status && before.reason === condition.reason) continue;
    const kind = eventKind(condition);
    if (kind) events.record(object, kind, condition.reason, condition.message || 'the network is ready');
  }
}

/** Reasons that do not pass by themselves. `Ready` repeats the reason of another condition, which has its own event. */
const alarming = new Set([
  'HostIndexesFull',
  'InterfaceIndexesFull',
  'NameTaken',
  'RoutesFailed',
  'NoRoutes',
  'MtusDiffer',
  'NoDeviceResource',
  'SriovObjectsMissing',
]);

function eventKind({ type, status, reason }: Condition): 'Normal' | 'Warning' | undefined {
  if (type === 'Ready') return status === 'True' ? 'Normal' : reason === 'SpecUnusable' ? 'Warning' : undefined;
  return alarming.has(reason) ? 'Warning' : undefined;
}

/** Events for interface indexes that were given to other NICs. @param free the indexes that could be */
export function tellReuse(
  { events, logger }: Telling,
  { object, status, free }: { object: MultiNicNetwork; status: MultiNicNetworkStatus; free: ReadonlySet<number> },
): void {
  for (const before of object.status?.interfaces ?? []) {
    const now = status.interfaces?.find(({ index }) => index === before.index);
    if (!free.has(before.index) || !now || isSamePosition(before, now)) continue;
    const detail =
      `interface index ${now.index} is that of ${describePosition(now)} from now on: no host has had ` +
      `${describePosition(before)} since ${before.goneSince}, and nobody holds addresses under it`;
    logger.info({ network: object.metadata.name, before, now }, 'interface index given to another NIC');
    events.record(object, 'Normal', 'InterfaceIndexReused', detail);
  }
}
