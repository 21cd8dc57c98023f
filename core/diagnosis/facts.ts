import type { HostInterface, MultiNicNetwork, ObjectMeta } from '../api/types.ts';
import type { PodObject } from '../audit/readPod.ts';
import type { AuditInput } from '../audit/types.ts';
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
  /** RFC 3339. */
  last: string;
}

/** The pod's node. */
export interface DiagnosedNode {
  name: string;
  /** `gone`: there is no such Node; undefined: that must not be read. */
  state: 'ready' | 'not ready' | 'gone' | undefined;
  host: HostInterface | undefined;
  /** Pods of the agent there; undefined: they must not be read. */
  agents: readonly { name: string; isReady: boolean }[] | undefined;
}

/** What is known of the pod and of all that it depends on, as the API server has it. */
export interface DiagnosisFacts {
  now: Date;
  pod: DiagnosedPod;
  namespace: Pick<ObjectMeta, 'labels' | 'annotations'>;
  /** RFC 3339: when the webhook of pods was registered; `none`: it is not; undefined: that must not be read. */
  registered: string | undefined;
  networks: readonly MultiNicNetwork[];
  /** What the audit compares the pod with: all networks, and the pools that have, or would have, records of it. */
  audited: Pick<AuditInput, 'networks' | 'pools'>;
  /** Undefined: the scheduler has not chosen it yet. */
  node: DiagnosedNode | undefined;
  warnings: readonly PodWarning[];
  /** What must not be read, and is not needed for an answer: in words. */
  unread: readonly string[];
}
