import type { Condition, HostInterface, RouteStatus } from '../api/types.ts';
import type { Family } from '../net/address.ts';
import { listNames, type NewCondition } from './condition.ts';
import type { MemberHost } from './survey.ts';

/** The condition of a HostInterface in which its agent says whether all L3 routes of the node are in its kernel. */
export const routesProgrammed = 'RoutesProgrammed';

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
  /** All networks of the cluster. */
  networkNames: Iterable<string>;
  /** Whether a host has its address block; without it there are no routes to it yet. */
  hasBlock: (host: string) => boolean;
  /** Hosts to whose pods no routes lead, of each family that the network's addresses are of. Default: none. */
  apart?: HostsApart;
}

/**
 * Sums up what the agents say. An agent has one condition for all networks; while it is False its message names the networks
 * that fail, and one that names none of the cluster's speaks for all.
 */
export function routeState(
  network: { name: string; l3: boolean },
  hosts: readonly MemberHost[],
  { networkNames, hasBlock, apart = new Map() }: RouteFacts,
): RouteState {
  if (!network.l3) return state('N/A', '', 'NotNeeded', 'the network is not in l3 or l3s mode');
  const known = new Set(networkNames);
  const by: Record<HostRoutes, string[]> = { failed: [], waiting: [], done: [] };
  for (const { host } of hosts) {
    const { name } = host.metadata;
    by[hasBlock(name) ? routesOf(host, network.name, known) : 'waiting'].push(name);
  }
  if (by.failed.length > 0) {
    return state('Failed', `some route cannot be applied, need attention: ${listNames(by.failed)}`, 'RoutesFailed');
  }
  if (by.waiting.length > 0 || by.done.length === 0) {
    const who = by.waiting.length > 0 ? `: ${listNames(by.waiting)}` : '';
    return state('WaitForRoutes', `waiting for route update${who}`, 'Waiting');
  }
  const lacks = [...apart].filter(([, names]) => names.size > 0);
  if (lacks.length === 0)
    return state('Success', '', 'RoutesProgrammed', `routes to ${by.done.length} hosts are in place`);
  const message = lacks.map(([family, names]) => noRoutes(family, names)).join('; ');
  const isReached = (name: string): boolean => [...apart.values()].some(names => !names.has(name));
  return by.done.some(isReached) ? state('Success', message, 'RoutesProgrammed') : state('Failed', message, 'NoRoutes');
}

function noRoutes(family: Family, names: ReadonlySet<string>): string {
  const who = names.size === 1 ? '1 host has' : `${names.size} hosts have`;
  const what = `no IPv${family} address on a NIC in a subnet that another host is in, so no IPv${family} routes lead to their pods`;
  return `${who} ${what}: ${listNames([...names])}`;
}

type HostRoutes = 'failed' | 'waiting' | 'done';

function routesOf(host: HostInterface, network: string, known: ReadonlySet<string>): HostRoutes {
  const condition = host.status?.conditions?.find(({ type }) => type === routesProgrammed);
  if (!condition) return 'waiting';
  if (condition.status === 'True') return 'done';
  return concerns(condition, network, known) ? 'failed' : 'done';
}

function concerns({ message }: Condition, network: string, known: ReadonlySet<string>): boolean {
  const words = new Set(message.match(/[a-z0-9](?:[-a-z0-9]*[a-z0-9])?/g) ?? []);
  if (words.has(network)) return true;
  return ![...words].some(word => known.has(word));
}

function state(routeStatus: RouteStatus, message: string, reason: string, all = message): RouteState {
  const status = routeStatus === 'N/A' || routeStatus === 'Success' ? 'True' : 'False';
  return { routeStatus, message, condition: { type: 'RoutesReady', status, reason, message: all } };
}
