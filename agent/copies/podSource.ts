import type { Logger } from 'pino';
import { annotation, label, mirrorAnnotation } from '../../core/api/names.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import type { CallOptions } from '../../kube/api/clientOptions.ts';
import { type Pod, pods } from '../../kube/api/resources.ts';
import type { ObjectRef } from '../../kube/api/types.ts';
import { findByUid } from '../../kube/watch/findByUid.ts';
import { headOf } from '../../kube/watch/head.ts';
import { Informer, type InformerOptions } from '../../kube/watch/informer.ts';

export interface PodSourceOptions {
  readonly client: KubeClient;
  readonly node: string;
  readonly logger: Logger;
  readonly observer?: InformerOptions<Pod>['observer'];
}

/**
 * The pods of one node that have not finished: a copy, watched through the API server's index of spec.nodeName, and single reads past it. A namespace may
 * keep thousands that have, whose annotations would fill the agent's memory: to the copy they are gone.
 */
export class PodSource {
  readonly informer: Informer<Pod>;
  /** The pod of that UID in the copy. */
  readonly byUid: (uid: string) => Pod | undefined;
  readonly #client: KubeClient;
  readonly #node: string;

  constructor({ client, node, logger, observer }: PodSourceOptions) {
    this.#client = client;
    this.#node = node;
    this.informer = new Informer<Pod>({
      client,
      resource: pods,
      logger,
      fieldSelector: `spec.nodeName=${node},status.phase!=Succeeded,status.phase!=Failed`,
      listFromCache: true,
      // Pods that it has made unknown run on, and others may get their addresses before their records are back (decision 35).
      expectsRestoration: true,
      transform: trimPod,
      observer,
    });
    this.byUid = findByUid(this.informer);
  }

  /**
   * The node's pod from the copy, else as the API server has it now. With a UID, another pod of that name does not count; a static pod's UID is the
   * one that the kubelet gave it.
   * @throws ApiError, TransportError
   */
  async find(ref: ObjectRef, uid: string | undefined, options?: CallOptions): Promise<Pod | undefined> {
    const isIt = (pod: Pod | undefined): boolean =>
      pod !== undefined &&
      (uid === undefined || pod.metadata.uid === uid || pod.metadata.annotations?.[mirrorAnnotation] === uid);
    const known = this.informer.get(ref);
    if (isIt(known)) return known;
    const pod = await this.live(ref, options);
    return isIt(pod) && pod?.spec?.nodeName === this.#node ? pod : undefined;
  }

  /** The pod as the API server has it now, on whatever node. @throws ApiError, TransportError */
  async live(ref: ObjectRef, options: CallOptions = {}): Promise<Pod | undefined> {
    const pod = await this.#client.find(pods, ref, options);
    return pod && trimPod(pod);
  }

  /**
   * Whether the pod will never (again) use addresses of this node: it is gone, finished, being deleted, or on another node. In doubt it asks
   * the API server, and throws its error: an error never means "gone".
   */
  async isPast(ref: ObjectRef, uid: string, signal?: AbortSignal): Promise<boolean> {
    const known = this.byUid(uid);
    if (known) return isEnding(known);
    const pod = await this.live(ref, { signal });
    if (pod?.metadata.uid !== uid || isEnding(pod)) return true;
    const { nodeName = '' } = pod.spec ?? {};
    return nodeName !== '' && nodeName !== this.#node;
  }
}

/** Whether a pod is being deleted or has finished. */
export function isEnding({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined || status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

const keptLabels: readonly string[] = [label.injected, label.injection];
const keptAnnotations: readonly string[] = [
  annotation.networks,
  annotation.ourNetworks,
  annotation.reservation,
  annotation.bestEffort,
  annotation.foundInterfaces,
  mirrorAnnotation,
];

/** What the agent needs of a pod: about 1 KB of 10. */
export function trimPod(pod: Pod): Pod {
  const { spec, status } = pod;
  const { metadata, ...type } = headOf(pod, 'deletionTimestamp');
  const { labels, annotations } = pod.metadata;
  return {
    ...type,
    metadata: { ...metadata, labels: only(keptLabels, labels), annotations: only(keptAnnotations, annotations) },
    spec: {
      containers: [],
      ...(spec?.nodeName !== undefined && { nodeName: spec.nodeName }),
      ...(spec?.hostNetwork && { hostNetwork: true }),
    },
    status: { ...(status?.phase !== undefined && { phase: status.phase }) },
  };
}

function only(keys: readonly string[], texts: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).filter(([key]) => keys.includes(key)));
}
