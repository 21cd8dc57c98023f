import type { Allocation } from '../api/types.ts';
import type { Member } from '../layout/members.ts';
import { usesDevicePlugin } from '../network/deviceResource.ts';
import type { Network } from '../network/network.ts';
import { looksAtBandwidth } from './select.ts';
import type { Candidate } from './types.ts';
import { strategyOf } from './wish.ts';

/** What attachments have of a node's NICs. */
export interface NicLoad {
  promisedMbps: number;
  /** One of those who have it. */
  user?: string;
  /** Who has it to itself. */
  owner?: string;
}

/** By the NIC's name on the host. */
export type NicLoads = ReadonlyMap<string, NicLoad>;

/**
 * A type that moves the NIC into the pod: one pod at a time has it, as long as it lives. A device plugin keeps pods apart itself. Links that
 * only keep others off a NIC (macvlan passthru) end with their sandbox; of those the agent knows.
 */
export function takesWholeNic({ spec: { plugin } }: Pick<Network, 'spec'>): boolean {
  return plugin.type === 'host-device' && !usesDevicePlugin(plugin);
}

/** Whether pools keep a record of a network's attachments: they have addresses of ours, a promise, or a NIC to themselves. */
export function keepsRecords(network: Network): boolean {
  return (
    network.ownAddresses || (!network.handedOut && (looksAtBandwidth(strategyOf(network)) || takesWholeNic(network)))
  );
}

/** What the live records of a network have of their node's NICs. */
export function loadsOf(network: Network, records: readonly Allocation[]): NicLoads {
  const loads = new Map<string, NicLoad>();
  const alone = takesWholeNic(network);
  for (const record of records) {
    if (record.state === 'Released') continue;
    const who = `pod ${record.namespace}/${record.name} (network ${network.name})`;
    for (const { master, promisedMbps = 0 } of record.nics) {
      if (master !== undefined) add(loads, master, { promisedMbps, user: who, ...(alone && { owner: who }) });
    }
  }
  return loads;
}

/** Several networks' loads as one. */
export function sumLoads(all: readonly NicLoads[]): NicLoads {
  const sum = new Map<string, NicLoad>();
  for (const loads of all) for (const [master, load] of loads) add(sum, master, load);
  return sum;
}

function add(loads: Map<string, NicLoad>, master: string, { promisedMbps, ...who }: NicLoad): void {
  const before = loads.get(master);
  loads.set(master, { ...who, ...before, promisedMbps: (before?.promisedMbps ?? 0) + promisedMbps });
}

/** The network's NICs with what others have of them. */
export function candidatesWith(network: Network, members: readonly Member[], loads: NicLoads): Candidate[] {
  const alone = takesWholeNic(network);
  return members.map(member => {
    const { promisedMbps = 0, user, owner } = loads.get(member.nic.interfaceName) ?? {};
    const takenBy = alone ? (owner ?? user) : owner;
    return { member, promisedMbps, ...(takenBy !== undefined && { takenBy }) };
  });
}
