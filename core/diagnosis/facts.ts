import type { DeviceClass, HostInterface, MultiNicNetwork, ObjectMeta } from '../api/types.ts';
import type { PodObject } from '../audit/readPod.ts';
import type { AuditedNetwork, AuditedPool } from '../audit/types.ts';
import type { Placement } from '../pod/knownNode.ts';
import type { FactSource } from '../pod/skip.ts';

/** The parts of a Pod (core/v1) that tell what it is to get. */
export interface DiagnosedPod extends Omit<PodObject, 'spec'> {
  spec?: PodObject['spec'] & Placement & FactSource['spec'] & { schedulingGates?: readonly { name: string }[] };
}

/** A Warning (core/v1 Event) about the pod. */
export interface PodWarning {
  reason: string;
  message: string;
  component: string;
  count: number;
  /** RFC 3339. */
  last: string;
}

/** What is known of the pod and of all that it depends on, as the API server has it. */
export interface DiagnosisFacts {
  now: Date;
  pod: DiagnosedPod;
  namespace: Pick<ObjectMeta, 'labels' | 'annotations' | 'managedFields'>;
  /** RFC 3339: when the webhook of pods was registered; `none`: it is not; undefined: that must not be read. */
  registered: string | undefined;
  networks: readonly MultiNicNetwork[];
  /** By name; undefined: the spec cannot be read. */
  audited: ReadonlyMap<string, AuditedNetwork | undefined>;
  /** By name: whether pods can start there: it is ready and, where the pod has no node yet, takes new ones. */
  nodes: ReadonlyMap<string, boolean>;
  /** The node's or, where the pod has none yet, all. */
  hosts: readonly HostInterface[];
  /** Those of the pod's networks, on these nodes. */
  pools: readonly AuditedPool[];
  deviceClasses: readonly DeviceClass[];
  /** Pods of the agent on the node; undefined: they must not be read. */
  agents: readonly { name: string; isReady: boolean }[] | undefined;
  warnings: readonly PodWarning[];
  /** What must not be read, and is not needed for an answer: in words. */
  unread: readonly string[];
}

/**
 * One thing that is known. `lack`: the pod has not what it should have; `problem`: why, or what needs somebody's attention; `hint`: why, if nothing
 * else is; `fact`: all else.
 */
export interface Line {
  /** The pod, a network with its interface, a node, … */
  about: string;
  kind: 'fact' | 'hint' | 'problem' | 'lack';
  text: string;
  /** What to do. */
  fix?: string;
}
