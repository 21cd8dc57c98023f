import type { ConfigStatus } from '../api/types.ts';
import type { NicPosition } from '../layout/interfaceIndex.ts';
import { givesAddresses } from '../network/ipam.ts';
import type { Network } from '../network/network.ts';
import { listNames, type NewCondition } from './condition.ts';
import type { Survey } from './survey.ts';

/** What the hosts of a network have got. */
export interface Allocated {
  /** Whether a host has an index; every host has where the network needs none. */
  hasIndex: (host: string) => boolean;
  /** How many host indexes the layout has room for. */
  indexes: number;
  /** Hosts that no index was left for when they were last given. */
  refused: readonly string[];
  /** NIC positions that no interface index was left for. */
  unassigned: readonly NicPosition[];
  /** Why indexes whose NICs are gone are not given to these, each in words. */
  keptIndexes: readonly string[];
}

/** The condition HostsAllocated, what it means for configStatus, and how many hosts have their block. */
export interface HostsState {
  condition: NewCondition;
  configStatus: ConfigStatus;
  processed: number;
}

/** Whether every host that has NICs in the network also has its address block. */
export function hostsState(network: Network, survey: Survey, allocated: Allocated): HostsState {
  if (!network.ownAddresses) {
    const message = givesAddresses(network.ipam)
      ? `addresses come from the IPAM plugin ${network.ipam.type}`
      : 'pods get interfaces without addresses';
    return state('Success', 'NotNeeded', message);
  }
  const without = survey.members.map(({ host }) => host.metadata.name).filter(name => !allocated.hasIndex(name));
  const all = survey.members.length;
  const processed = all - without.length;
  if (all === 0) {
    const where = network.spec.masterNets?.length ? `in ${listNames(network.spec.masterNets)}` : 'with an address';
    const message = `none of ${survey.hosts} hosts has a NIC ${where}: kubectl get hostinterfaces`;
    return state('WaitForConfig', 'NoMembers', message);
  }
  if (allocated.unassigned.length > 0) {
    return state('Failed', 'InterfaceIndexesFull', interfacesFull(network, allocated), processed);
  }
  const refused = allocated.refused.filter(name => without.includes(name));
  if (refused.length > 0) {
    const message =
      `no host index is left for ${refused.length} of ${all} hosts (${listNames(refused)}): hostBlock ` +
      `${network.ipam.hostBlock} gives ${allocated.indexes}, less those that excludeCIDRs cover`;
    return state('Failed', 'HostIndexesFull', message, processed);
  }
  if (without.length > 0) {
    const message = `${without.length} of ${all} hosts wait for their address block: ${listNames(without)}`;
    return state('WaitForConfig', 'Waiting', message, processed);
  }
  const message = all === 1 ? '1 host has its address block' : `${all} hosts have their address block`;
  return state('Success', 'HostsAllocated', message, processed);
}

function interfacesFull(network: Network, { unassigned, keptIndexes }: Allocated): string {
  const { interfaceBlock } = network.ipam;
  const full =
    `no interface index is left for ${listNames(unassigned.map(describePosition))}: interfaceBlock ${interfaceBlock} ` +
    `gives ${2 ** interfaceBlock}, less those that excludeCIDRs cover`;
  return [full, ...keptIndexes].join('; ');
}

/** A NIC position in words. */
export function describePosition({ netAddress, ordinal }: NicPosition): string {
  return `${netAddress} (NIC ${ordinal + 1} of a host)`;
}

function state(configStatus: ConfigStatus, reason: string, message: string, processed = 0): HostsState {
  const status = configStatus === 'Success' ? 'True' : 'False';
  return { condition: { type: 'HostsAllocated', status, reason, message }, configStatus, processed };
}
