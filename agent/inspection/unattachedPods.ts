import { readAttachments } from '../../core/annotation/attachments.ts';
import { readNetworks } from '../../core/annotation/networks.ts';
import { annotation, label, mirrorAnnotation } from '../../core/api/names.ts';
import type { Pod } from '../../kube/api/resources.ts';
import type { EventRecorder } from '../../kube/report/events.ts';
import type { ObjectCache } from '../../kube/watch/objectCache.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';

export interface UnattachedPodsOptions {
  readonly pods: ObjectCache<Pod>;
  readonly checkpoint: Checkpoint;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly node: string;
}

/**
 * Tells of pods that have begun to run without interfaces that they ask for. All else looks well then. Only the beginning is looked at, so that
 * pods are not told of whose attachments a later agent knows nothing of.
 */
export function tellUnattachedPods({ pods, checkpoint, events, node }: UnattachedPodsOptions): void {
  pods.addHandlers({
    updated(pod, previous) {
      if (!isRunning(pod) || isRunning(previous)) return;
      const { metadata } = pod;
      const message = notCalled(pod, node) ?? notSeen(pod);
      if (message === undefined || checkpoint.ofPod(metadata.uid ?? '').length > 0) return;
      events.record({ apiVersion: 'v1', kind: 'Pod', metadata }, 'Warning', 'NotAttached', message);
    },
  });
}

function isRunning({ status }: Pod): boolean {
  return status?.phase === 'Running';
}

/** Nobody called the CNI executable for what the pod was granted: there is neither Multus nor our entry in the primary network. */
function notCalled(pod: Pod, node: string): string | undefined {
  const networks = grantedNetworks(pod);
  if (networks.length === 0) return undefined;
  return (
    `on node ${node}: the pod runs without its interfaces of ${networks.join(', ')}, as nothing called the CNI plugin multi-nic: ` +
    'there is neither Multus nor an entry at the end of the primary network (docs/guides/without-multus.md)'
  );
}

/** The pod names networks for admission, which was not asked about it. */
function notSeen({ metadata, spec }: Pod): string | undefined {
  const { labels, annotations } = metadata;
  const named = annotations?.[annotation.ourNetworks]?.trim() ?? '';
  if (named === '' || annotations?.[annotation.networks] !== undefined) return undefined;
  if (labels?.[label.injected] || labels?.[label.injection] === 'disabled' || spec?.hostNetwork) return undefined;
  const isStatic = annotations?.[mirrorAnnotation] !== undefined;
  return (
    `the annotation ${annotation.ourNetworks} names ${named}, but has no effect: ` +
    (isStatic
      ? `a static pod gets what it names in ${annotation.networks}`
      : `it counts for pods that are created in a namespace with the label ${label.injection}=enabled`)
  );
}

/** Networks of which the pod was granted NICs before it came to the node. */
function grantedNetworks({ metadata }: Pod): string[] {
  const elements = readNetworks(metadata.annotations?.[annotation.networks] ?? '') ?? [];
  return elements.filter(element => readAttachments(element['cni-args']) !== undefined).map(({ name }) => name);
}
