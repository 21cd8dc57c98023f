import { label } from '../../core/api/names.ts';
import type { Allocation } from '../../core/api/types.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Informer } from '../../kube/informer.ts';
import { nodes, pods, type Node, type Pod } from '../../kube/resources.ts';
import { keyOf } from '../../kube/types.ts';

/** A pod that is gone and whose node nobody remembers: so long it may still run on a node that is cut off. */
const unknownNodeMs = 10 * 60_000;

interface SeenPod {
  uid: string;
  node: string | undefined;
  isFinished: boolean;
}

/**
 * Says of which pods nothing can use an address any more. A pod is gone when the API server says 404 or knows another of its name; even
 * then its containers may run on a node that is cut off, so the node must be ready or gone, too.
 */
export class PodFates {
  readonly #client: KubeClient;
  readonly #nodes: Informer<Node>;
  /** Pods by `namespace/name`, as listed for this sweep. */
  #listed = new Map<string, SeenPod>();
  /** Where pods with addresses run or ran, by UID: a pod that is gone cannot be asked any more. */
  #ranOn = new Map<string, string>();
  /** Since when pods are gone whose node is not known, by UID. */
  #goneSince = new Map<string, number>();

  constructor(client: KubeClient, nodeInformer: Informer<Node>) {
    this.#client = client;
    this.#nodes = nodeInformer;
  }

  /** Looks at the pods of these records; to be called before isOver() in each sweep. */
  async look(records: readonly Allocation[], signal: AbortSignal): Promise<void> {
    this.#listed = new Map();
    for (const namespace of new Set(records.map(record => record.namespace))) {
      const labelSelector = `${label.injected}=true`;
      const { items } = await this.#client.list(pods, { namespace, labelSelector, resourceVersion: '0', signal });
      for (const pod of items) this.#listed.set(keyOf(pod.metadata), seen(pod));
    }
    const uids = new Set(records.map(({ podUID }) => podUID));
    this.#ranOn = new Map([...this.#ranOn].filter(([uid]) => uids.has(uid)));
    this.#goneSince = new Map([...this.#goneSince].filter(([uid]) => uids.has(uid)));
    for (const { uid, node } of this.#listed.values())
      if (node !== undefined && uids.has(uid)) this.#ranOn.set(uid, node);
  }

  /** Whether the record's pod is finished or gone for good. Rejected where the API server does not answer. */
  async isOver({ podUID, namespace, name }: Allocation, signal: AbortSignal): Promise<boolean> {
    const listed = this.#listed.get(keyOf({ namespace, name }));
    if (listed?.uid === podUID && !listed.isFinished) return false;
    const pod = await this.#client.find(pods, { namespace, name }, { signal });
    const now = pod && seen(pod);
    if (now?.uid === podUID) return now.isFinished && this.#isSettled(now.node, podUID, signal);
    return this.#isSettled(this.#ranOn.get(podUID), podUID, signal);
  }

  async #isSettled(node: string | undefined, uid: string, signal: AbortSignal): Promise<boolean> {
    if (node !== undefined) return this.#isReadyOrGone(node, signal);
    const all = [...this.#nodes.list()];
    const since = this.#goneSince.get(uid) ?? performance.now();
    this.#goneSince.set(uid, since);
    return all.every(isReady) || performance.now() - since >= unknownNodeMs;
  }

  async #isReadyOrGone(name: string, signal: AbortSignal): Promise<boolean> {
    const node = this.#nodes.get(name) ?? (await this.#client.find(nodes, { name }, { signal }));
    return node === undefined || isReady(node);
  }
}

function seen({ metadata, spec, status }: Pod): SeenPod {
  const isFinished = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  return { uid: metadata.uid ?? '', node: spec?.nodeName, isFinished };
}

function isReady({ status }: Node): boolean {
  return status?.conditions?.some(condition => condition.type === 'Ready' && condition.status === 'True') ?? false;
}
