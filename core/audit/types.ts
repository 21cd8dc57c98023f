import type { AllocatedNic, Allocation, IPPoolSpec } from '../api/types.ts';
import type { NetworkState } from '../pool/claim.ts';

/**
 * duplicate: one address, or one hardware address of a layer 2 network, of two; leak: held by nobody; missing: used by a running pod and held
 * by no record of its own; foreign: outside of what the system gives out; unreadable: a line of a pool that is not a record.
 */
export const findingKinds = ['duplicate', 'leak', 'missing', 'foreign', 'unreadable'] as const;
export type FindingKind = (typeof findingKinds)[number];

/** One disagreement. */
export interface AuditFinding {
  kind: FindingKind;
  /** Several, with commas between, where an address is of two at once. */
  network: string;
  /** What disagrees, as `pod namespace/name`, `ippool name`, `node name`. */
  objects: string[];
  /** What is wrong, and what to do. */
  message: string;
}

/** A pod as far as the audit looks at it. */
export interface AuditedPod {
  uid: string;
  namespace: string;
  name: string;
  node?: string;
  /** The reservation that it carries. */
  reservation?: string;
  isRunning: boolean;
  /** It is being deleted: what it had is given back as soon as its sandbox is gone, some time before its status says that its containers have ended. */
  isDeleted?: boolean;
  /** When its containers finally ended. */
  endedAt?: Date;
  /** What admission decided. */
  attachments: { network: string; interface: string; nics: readonly AllocatedNic[] }[];
  /** Hardware addresses that it asks for, and on which subnet of the hosts where that was decided: one is for one NIC. */
  macs: { network: string; netAddress?: string; mac: string }[];
  /** What it has on its node, without the primary network: as it was made, or as its node's agent has found it since. */
  interfaces: { network: string; interface: string; addresses: readonly string[] }[];
  /** An agent has found its interfaces to be other than they were made. */
  isChanged?: boolean;
}

export interface AuditedPool {
  name: string;
  spec: IPPoolSpec;
  allocations: readonly Allocation[];
  /** Lines that are not records. */
  unreadable: readonly string[];
}

export interface AuditedNetwork extends NetworkState {
  /** Host name → host index. */
  hostIndexes: ReadonlyMap<string, number>;
}

/** A state of the cluster. */
export interface AuditInput {
  pods: readonly AuditedPod[];
  pools: readonly AuditedPool[];
  /** By name; undefined: it exists and its spec cannot be read, so its blocks are not known. */
  networks: ReadonlyMap<string, AuditedNetwork | undefined>;
  /** By name: whether it is ready. Pods of a node that is not ready keep what they hold: they may still run. */
  nodes: ReadonlyMap<string, boolean>;
}

/** How long operations under way may take. */
export interface AuditRules {
  now: Date;
  /** From a pod's end, or from a record's making, to the release. */
  graceMs: number;
  /** What a reservation may wait for its pod; the grace comes on top. */
  reservationMs: number;
}
