import type { AddressCounts, ConfigStatus, InterfaceIndex, MultiNicNetworkStatus } from '../api/types.ts';
import { capacityPublished, type CapacityState } from './capacity.ts';
import { mergeConditions, type NewCondition, secondsOf } from './condition.ts';
import type { DefinitionsSummary } from './definitions.ts';
import type { HostsState } from './hosts.ts';
import type { RouteState } from './routes.ts';
import type { Survey } from './survey.ts';

/** How many host subnets a status lists. Where fabrics are routed to each NIC there are tens of thousands, which no object has room for. */
const mostSubnets = 1000;

/** Where a status is written to. */
export interface StatusOf {
  stored: MultiNicNetworkStatus | undefined;
  generation: number;
  now: Date;
}

/** Everything that a readable network's status is made of. */
export interface NetworkFacts {
  survey: Survey;
  hosts: HostsState;
  capacity: CapacityState;
  definitions: DefinitionsSummary;
  routes: RouteState;
  interfaces: readonly InterfaceIndex[];
  /** Absent where another IPAM plugin gives the addresses, or nobody. */
  addresses?: AddressCounts;
  /** Resources of the network's devices; absent where it has none, or none are known. */
  deviceResources?: readonly string[];
  /** What users should know, though it keeps no pod waiting. */
  notes?: readonly NewCondition[];
}

/**
 * The status of a network. Fields and values are the predecessor's; unlike its, configStatus speaks of blocks, definitions and
 * capacities only, so an L2 network gets to Success, and trouble with routes stands in routeStatus alone.
 */
export function networkStatus(facts: NetworkFacts, { stored, generation, now }: StatusOf): MultiNicNetworkStatus {
  const { survey, hosts, capacity, definitions, routes } = facts;
  const config = [hosts, capacity, definitions];
  const configStatus = config.map(part => part.configStatus).reduce(worst);
  const parts = [...config, routes].map(({ condition }) => condition);
  const blocking = parts.filter(({ status }) => status !== 'True');
  const ready: NewCondition = {
    type: 'Ready',
    status: blocking.some(({ status }) => status === 'False') ? 'False' : blocking.length > 0 ? 'Unknown' : 'True',
    reason: blocking[0]?.reason ?? 'Ready',
    message: blocking.map(({ message }) => message).join('; ') || 'pods can use the network',
  };
  const configMessages = config.flatMap(part => (part.configStatus === 'Success' ? [] : [part.condition.message]));
  return {
    computeResults: survey.perSubnet.slice(0, mostSubnets),
    discovery: { existDaemon: survey.hosts, infoAvailable: survey.withNics, cidrProcessed: hosts.processed },
    configStatus,
    routeStatus: routes.routeStatus,
    // Never empty: some API servers (1.20 among them) take an empty string for null and refuse it.
    message: [...configMessages, ...(routes.message ? [routes.message] : [])].join('; ') || hosts.condition.message,
    lastSyncTime: secondsOf(now),
    observedGeneration: generation,
    conditions: mergeConditions(stored?.conditions ?? [], [ready, ...parts, ...(facts.notes ?? [])], generation, now),
    interfaces: [...facts.interfaces],
    ...(facts.addresses && { addresses: facts.addresses }),
    ...(facts.deviceResources && { deviceResources: [...facts.deviceResources] }),
  };
}

/** The status of a network whose spec cannot be used. Interface indexes are kept: they must not have changed when it is corrected. */
export function unusableStatus(
  finding: string,
  { stored, generation, now }: StatusOf,
  counts: Pick<Survey, 'hosts' | 'withNics'>,
): MultiNicNetworkStatus {
  const conditions = ['Ready', 'HostsAllocated', capacityPublished, 'DefinitionsReady', 'RoutesReady'].map(
    (type): NewCondition => ({
      type,
      status: 'False',
      reason: 'SpecUnusable',
      message: finding,
    }),
  );
  return {
    computeResults: [],
    discovery: { existDaemon: counts.hosts, infoAvailable: counts.withNics, cidrProcessed: 0 },
    configStatus: 'Failed',
    routeStatus: stored?.routeStatus ?? 'N/A',
    message: finding,
    lastSyncTime: secondsOf(now),
    observedGeneration: generation,
    conditions: mergeConditions(stored?.conditions ?? [], conditions, generation, now),
    ...(stored?.interfaces ? { interfaces: stored.interfaces } : {}),
    ...(stored?.deviceResources && { deviceResources: stored.deviceResources }),
  };
}

/** The status of a network that is being deleted, and waits for finalizers: it is as it was, but takes no more pods. */
export function leavingStatus(
  finalizers: readonly string[],
  { stored, generation, now }: StatusOf,
): MultiNicNetworkStatus | undefined {
  if (!stored) return undefined;
  const ready: NewCondition = {
    ...{ type: 'Ready', status: 'False', reason: 'BeingDeleted' },
    message: `the network is being deleted, and takes no more pods; it waits for its finalizers: ${finalizers.join(', ')}`,
  };
  return { ...stored, conditions: mergeConditions(stored.conditions ?? [], [ready], generation, now) };
}

/** Whether two statuses say the same, when they were written apart. */
export function sameStatus(a: MultiNicNetworkStatus | undefined, b: MultiNicNetworkStatus): boolean {
  return a !== undefined && canonical({ ...a, lastSyncTime: '' }) === canonical({ ...b, lastSyncTime: '' });
}

/** Whether two statuses differ in nothing but how many addresses are used, or there are. */
export function sameButCounts(a: MultiNicNetworkStatus, b: MultiNicNetworkStatus): boolean {
  const none = { used: 0, capacity: 0 };
  return sameStatus({ ...a, addresses: none }, { ...b, addresses: none });
}

const severity: ConfigStatus[] = ['Success', '', 'WaitForConfig', 'Failed'];

function worst(a: ConfigStatus, b: ConfigStatus): ConfigStatus {
  return severity.indexOf(a) >= severity.indexOf(b) ? a : b;
}

/** JSON text with sorted keys: the API server does not keep their order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
