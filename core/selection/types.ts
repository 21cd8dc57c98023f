import type { DeviceClassSpec } from '../api/types.ts';
import type { Member } from '../layout/members.ts';

/** One of the network's NICs on a node, and what pods there have of it already. */
export interface Candidate {
  member: Member;
  /** Bandwidth that other attachments were promised on it, of whichever network; 0 where none. */
  promisedMbps: number;
  /** Who has the NIC in a way that leaves nothing for this attachment, for people; absent: nobody. */
  takenBy?: string;
}

/** Distance between two NUMA nodes, as the kernel counts it (/sys/devices/system/node/node<n>/distance): 10 is the node itself. */
export type NumaDistance = (nic: number, device: number) => number;

/** Where the pod's devices are: GPUs, as a rule. */
export interface DevicePlacement {
  /** NUMA nodes, one entry a device; of devices whose node is not known there is none. */
  numaNodes: readonly number[];
  distance: NumaDistance;
}

/** What an attachment asks for, once the pod's `cni-args` and the network's attachPolicy have been put together. */
export interface Wish {
  /** How many NICs; undefined: as many as the strategy gives. */
  count?: number;
  /** The host's NICs by name, in the wanted order; undefined: any. */
  masters?: readonly string[];
  /** Only NICs of this class; undefined: any. */
  deviceClass?: DeviceClassSpec & { name: string };
  /** Bandwidth that the NICs promise together; undefined: none. */
  targetMbps?: number;
  /** Where the pod's devices are; undefined: not known. */
  placement?: DevicePlacement;
  /** Less than asked will do. */
  bestEffort?: boolean;
}

/** A NIC that was chosen, and the part of the target that it was chosen for. */
export interface ChosenNic {
  member: Member;
  promisedMbps: number;
}

/** NICs in the order of the pod's interfaces, with what a best-effort pod asked for in vain; or what the node lacks. */
export type Selection = { ok: true; nics: ChosenNic[]; short?: string } | { ok: false; lacks: string };

/** What a strategy makes of the NICs that it may use: some of them in the order of the pod's interfaces, or what is missing. */
export type Choice = { ok: true; chosen: Candidate[]; short?: string } | { ok: false; lacks: string };

/**
 * A strategy. It is pure, it neither repeats a NIC nor gives more than `count`, and the order in which candidates are listed matters
 * only as the network's order of NICs.
 * @param usable the NICs left once links that are down, NICs that others have, other classes and names were taken out; at least one
 */
export type Strategy = (usable: readonly Candidate[], wish: Wish) => Choice;

/** Bandwidth left on a NIC; undefined where its speed is not known. */
export function availableMbps({ member, promisedMbps }: Candidate): number | undefined {
  const { speedMbps } = member.nic;
  return speedMbps === undefined ? undefined : Math.max(0, speedMbps - promisedMbps);
}
