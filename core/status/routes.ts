import type { HostInterface, RouteStatus } from '../api/types.ts';
import type { Family } from '../net/address.ts';
import { listNames, type NewCondition } from './condition.ts';
import { routesProgrammed, saysFailed } from './routesProgrammed.ts';
import type { MemberHost } from './survey.ts';

/** Hosts by name, of each family. */
export type HostsApart = ReadonlyMap<Family, ReadonlySet<string>>;

/** Where the routes of one network stand, over all its hosts. */
export interface RouteState {
  /** Never `Unknown`, as the predecessor called a host whose agent it could not reach: agents say nothing that would tell whether they still run. */
  routeStatus: RouteStatus;
  /** Empty where all is well. */
  message: string;
  condition: NewCondition;
}

/** What else there is to know beside what the agents say. */
export interface RouteFacts {
  /** Whether a host has its address block; without it there are no routes to it yet. */
  hasBlock: (host: string) => boolean;
  /** Hosts to whose pods no routes lead, of each family that the network's addresses are of. Default: none. */
  apart?: HostsApart;
  /** NICs in words that no routes lead by. Default: none. */
  lone?: readonly string[];
}

/** Sums up what the agents say, each in one condition for all networks. */
export function routeState(
  network: { name: string; l3: boolean },
  hosts: readonly MemberHost[],
  { hasBlock, apart = new Map(), lone = [] }: RouteFacts,
): RouteState {
  if (!network.l3) return state('N/A', '', 'NotNeeded', 'the network is not in l3 or l3s mode');
  const by: Record<HostRoutes, string[]> = { failed: [], waiting: [], done: [] };
  for (const { host } of hosts) {
    const { name } = host.metadata;
    by[hasBlock(name) ? routesOf(host, network.name) : 'waiting'].push(name);
  }
  if (by.failed.length > 0) {
    return state('Failed', `some route cannot be applied, need attention: ${listNames(by.failed)}`, 'RoutesFailed');
  }
  if (by.waiting.length > 0 || by.done.length === 0) {
    const who = by.waiting.length > 0 ? `: ${listNames(by.waiting)}` : '';
    return state('WaitForRoutes', `waiting for route update${who}`, 'Waiting');
  }
  const lacks = [...apart].filter(([, names]) => names.size > 0);
  if (lacks.length === 0 && lone.length === 0)
    return state('Success', '', 'RoutesProgrammed', `routes to ${by.done.length} hosts are in place`);
  const lines = lacks.map(([family, names]) => noRoutes(family, names));
  const message = [...lines, ...(lone.length > 0 ? [noRoutesBy(lone)] : [])].join('; ');
  const isReached = (name: string): boolean => [...apart.values()].some(names => !names.has(name));
  return by.done.some(isReached) ? state('Success', message, 'RoutesProgrammed') : state('Failed', message, 'NoRoutes');
}

function noRoutes(family: Family, names: ReadonlySet<string>): string {
  const who = names.size === 1 ? '1 host has' : `${names.size} hosts have`;
  const what = `no IPv${family} address on a NIC in a subnet that another host is in, so no IPv${family} routes lead to their pods`;
  return `${who} ${what}: ${listNames([...names])}`;
}

function noRoutesBy(nics: readonly string[]): string {
  const who = nics.length === 1 ? '1 NIC is' : `${nics.length} NICs are`;
  return `${who} in a subnet that no other host has a NIC in, so no routes lead by ${nics.length === 1 ? 'it' : 'them'}: ${listNames(nics)}`;
}

type HostRoutes = 'failed' | 'waiting' | 'done';

function routesOf(host: HostInterface, network: string): HostRoutes {
  const condition = host.status?.conditions?.find(({ type }) => type === routesProgrammed);
  if (!condition) return 'waiting';
  if (condition.status === 'True') return 'done';
  return saysFailed(condition.message, network) ? 'failed' : 'done';
}

function state(routeStatus: RouteStatus, message: string, reason: string, all = message): RouteState {
  const status = routeStatus === 'N/A' || routeStatus === 'Success' ? 'True' : 'False';
  return { routeStatus, message, condition: { type: 'RoutesReady', status, reason, message: all } };
}
