import type { PodKind } from './podKinds.ts';
import type { NodeName } from './setting.ts';

/** A pod as those know it who made it. */
export interface ModelPod {
  uid: string;
  name: string;
  kind: PodKind;
  /** Set where it is bound. */
  node: NodeName | undefined;
  /** `ending`: to be ended by its kubelet. One that is gone is not in the model any more. */
  state: 'live' | 'ending' | 'finished';
  /** Whether a sandbox is being made for it, or it is being bound. */
  isBusy: boolean;
  /** The node that admission knew when the pod was created. */
  knownNode: NodeName | undefined;
  /** Its node went away after it was chosen: what it holds there is worth nothing. */
  isLost: boolean;
}

/** Addresses of one attachment of a pod. */
export interface Use {
  uid: string;
  network: string;
  interface: string;
  addresses: readonly string[];
}

/** What a pod has on its node, until the DEL. */
export interface Sandbox {
  id: string;
  uid: string;
  name: string;
  node: NodeName;
  /** Nobody else may get its addresses, whatever becomes of the pod's object, and whenever. */
  uses: readonly Use[];
}

/** The reference: what the cluster's users have done, and what must hold after it. It knows nothing of pools. */
export class Model {
  readonly pods = new Map<string, ModelPod>();
  /** Of pods that are gone: a StatefulSet makes its pods anew under their names. */
  readonly freeNames: { name: string; kind: PodKind }[] = [];
  readonly sandboxes = new Map<string, Sandbox>();
  readonly nodes = new Map<NodeName, { isUp: boolean; isCut: boolean; lives: number }>();

  constructor(nodes: readonly NodeName[]) {
    for (const name of nodes) this.nodes.set(name, { isUp: true, isCut: false, lives: 1 });
  }

  node(name: NodeName): { isUp: boolean; isCut: boolean; lives: number } {
    const node = this.nodes.get(name);
    if (!node) throw new Error(`there is no node ${name}`);
    return node;
  }

  /** The pod is gone. */
  forget({ uid, name, kind }: ModelPod): void {
    if (this.pods.delete(uid)) this.freeNames.push({ name, kind });
  }

  /** Whether the node's kubelet does what the API server says. */
  works(name: NodeName): boolean {
    const { isUp, isCut } = this.node(name);
    return isUp && !isCut;
  }

  unbound(): ModelPod[] {
    return [...this.pods.values()].filter(pod => pod.node === undefined && pod.state === 'live' && !pod.isBusy);
  }

  /** Pods whose kubelet is about to make a sandbox. */
  unattached(): ModelPod[] {
    const attached = new Set([...this.sandboxes.values()].map(({ uid }) => uid));
    return [...this.pods.values()].filter(
      ({ uid, node, state, isBusy }) =>
        node !== undefined && state === 'live' && !isBusy && !attached.has(uid) && this.works(node),
    );
  }

  attached(): ModelPod[] {
    const attached = new Set([...this.sandboxes.values()].map(({ uid }) => uid));
    return [...this.pods.values()].filter(({ uid, state }) => state === 'live' && attached.has(uid));
  }

  /** Sandboxes that the node's kubelet ends: their pod is over, or is another one by now. */
  over(node: NodeName): Sandbox[] {
    return [...this.sandboxes.values()].filter(
      sandbox => sandbox.node === node && this.pods.get(sandbox.uid)?.state !== 'live',
    );
  }
}
