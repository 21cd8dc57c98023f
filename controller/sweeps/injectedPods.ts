import type { Logger } from 'pino';
import { label } from '../../core/api/names.ts';
import { containersEnded } from '../../core/pod/containersEnded.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { type Pod, pods } from '../../kube/api/resources.ts';
import { headOf } from '../../kube/watch/head.ts';
import { Informer } from '../../kube/watch/informer.ts';

/** How a pod ended. */
export interface PodFate {
  namespace: string;
  name: string;
  /** Absent: it was never bound. */
  node?: string;
  /** How long its containers may take to end, in milliseconds. */
  graceMs?: number;
  /** Its kubelet said that none of its containers runs (any more). */
  isStopped: boolean;
}

/** Replaces the phase of a pod that is being deleted and whose kubelet said that all containers have ended. */
const stopped = 'Stopped';
/**
 * Replaces the phase of a pod that has failed and whose kubelet did not say that all containers have ended: before Kubernetes 1.27
 * kubelets call pods failed (DeadlineExceeded, Evicted) before they end the containers, and may never tell when that was.
 */
const failing = 'Failing';

/** The injected pods, reduced to a few words each: there may be 150,000. */
export function injectedPods(client: KubeClient, logger: Logger): Informer<Pod> {
  return new Informer<Pod>({
    client,
    logger,
    resource: pods,
    name: 'injected pods',
    labelSelector: `${label.injected}=true`,
    transform: trim,
  });
}

/** What the leader goes by when it frees a pod's addresses. */
export function fateOf({ metadata, spec, status }: Pod): PodFate {
  const { namespace = '', name } = metadata;
  const node = spec?.nodeName ?? '';
  const graceS = spec?.terminationGracePeriodSeconds;
  return {
    namespace,
    name,
    ...(node !== '' && { node }),
    ...(graceS !== undefined && { graceMs: graceS * 1000 }),
    isStopped: isFinished(status),
  };
}

/** Whether the pod has ended, but still exists: maybe only because a finalizer keeps it. */
export function isFinished(status: Pod['status']): boolean {
  return ['Succeeded', 'Failed', stopped].includes(status?.phase ?? '');
}

/** Whether a pod of {@link injectedPods} has failed, while its containers may run. */
export function isFailing(status: Pod['status']): boolean {
  return status?.phase === failing;
}

/** Whether containers of a pod, as the API server has it, may run (again). */
export function mayRun(pod: Pod): boolean {
  return !isFinished({ phase: phaseOf(pod) ?? '' });
}

function trim(pod: Pod): Pod {
  const { spec } = pod;
  const phase = phaseOf(pod);
  return {
    ...headOf(pod, 'deletionTimestamp'),
    spec: {
      containers: [],
      ...(spec?.nodeName && { nodeName: spec.nodeName }),
      ...(spec?.terminationGracePeriodSeconds !== undefined && {
        terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds,
      }),
    },
    status: { ...(phase && { phase }) },
  };
}

/** The phase, or what replaces it. */
function phaseOf({ metadata, spec, status }: Pod): string | undefined {
  const phase = status?.phase;
  const haveEnded = containersEnded(status ?? {});
  if (phase === 'Failed') return haveEnded || !spec?.nodeName ? phase : failing;
  return metadata.deletionTimestamp !== undefined && phase !== 'Succeeded' && haveEnded ? stopped : phase;
}
