import type { ModelPod } from './model.ts';
import type { PodKind } from './podKinds.ts';
import type { NodeName } from './setting.ts';

/** How a pod is created, and what befalls it until it is stored. */
export interface Creation {
  kind: PodKind;
  /** Where a pod goes that names its node. */
  node: NodeName;
  /** Replicas that mutate, mutate again, and validate. */
  by: readonly [number, number, number];
  isReinvoked: boolean;
  /** Where somebody else's admission refuses the pod, if anywhere. */
  refusedAfter: 'mutation' | 'validation' | 'nothing';
  dryRun: boolean;
  /** The pod's manifest is a copy of a pod that is there. */
  copied: ModelPod | undefined;
  /** Under the name of the same kind of pod that is gone, if there is one. */
  isSuccessor: boolean;
  /** The replica that is to validate dies before it has begun. */
  isUnvalidated?: boolean;
}

/** How a pod is bound, and what befalls that. */
export interface BindingTo {
  node: NodeName;
  by: readonly [number, number];
  /** The review is sent to both replicas at once, and the first answer lost. */
  isTwice: boolean;
  /** Somebody else's admission refuses the Binding. */
  isRefused: boolean;
  dryRun: boolean;
}
