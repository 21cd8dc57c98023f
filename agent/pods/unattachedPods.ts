import { readAttachments } from '../../core/annotation/attachments.ts';
import { readNetworks } from '../../core/annotation/networks.ts';
import { annotation } from '../../core/api/names.ts';
import type { Pod } from '../../kube/api/resources.ts';
import type { EventRecorder } from '../../kube/report/events.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import type { PodSource } from './podSource.ts';

export interface UnattachedPodsOptions {
  readonly pods: { readonly informer: Pick<PodSource['informer'], 'addHandlers'> };
  readonly checkpoint: Pick<Checkpoint, 'ofPod'>;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly node: string;
}

/**
 * Tells of pods that have begun to run without the interfaces that they were granted, as nobody called the CNI executable for them: there is
 * neither Multus nor our entry in the primary network. All else looks well then. Only the beginning is looked at, so that pods are not told of
 * whose attachments a later agent knows nothing of.
 */
export function tellUnattachedPods({ pods, checkpoint, events, node }: UnattachedPodsOptions): void {
  pods.informer.addHandlers({
    updated(pod, previous) {
      if (!isRunning(pod) || isRunning(previous)) return;
      const { metadata } = pod;
      const networks = grantedNetworks(pod);
      if (networks.length === 0 || checkpoint.ofPod(metadata.uid ?? '').length > 0) return;
      const message =
        `on node ${node}: the pod runs without its interfaces of ${networks.join(', ')}, as nothing called the CNI plugin multi-nic: ` +
        'there is neither Multus nor an entry at the end of the primary network (docs/guides/without-multus.md)';
      events.record({ apiVersion: 'v1', kind: 'Pod', metadata }, 'Warning', 'NotAttached', message);
    },
  });
}

function isRunning({ status }: Pod): boolean {
  return status?.phase === 'Running';
}

/** Networks of which the pod was granted NICs before it came to the node. */
function grantedNetworks({ metadata }: Pod): string[] {
  const elements = readNetworks(metadata.annotations?.[annotation.networks] ?? '') ?? [];
  return elements.filter(element => readAttachments(element['cni-args']) !== undefined).map(({ name }) => name);
}
