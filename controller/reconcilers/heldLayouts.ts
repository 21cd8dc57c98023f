import { label } from '../../core/api/names.ts';
import type { Network } from '../../core/network/network.ts';
import { factsOf, skipReason } from '../../core/pod/skip.ts';
import { sleep } from '../../kube/api/deadline.ts';
import { namespaces, type Pod } from '../../kube/api/resources.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import type { LeaderContext } from '../context/leaderContext.ts';
import { HeldLayout } from '../plan/heldLayout.ts';
import { eachPod, visiting } from './eachPod.ts';

/** What of a leader's context is needed. */
export interface LayoutContext extends Pick<LeaderContext, 'client'> {
  readonly view: Pick<ClusterView, 'networks'>;
}

/** How long an answer is good for from its end on, ms: host blocks and status of a new network are planned at the same time. */
const goodForMs = 10_000;

interface Look {
  readonly layouts: ReadonlyMap<string, HeldLayout>;
  readonly done: Promise<void>;
}

/**
 * Where pods have their addresses of a network that knows nothing of its layout: it is new, or its objects were lost (somebody deleted the
 * CustomResourceDefinitions, or restored a backup, which has no status), and its pods went on running (decision 35).
 */
export class HeldLayouts {
  readonly #context: LayoutContext;
  #last: Look | undefined;

  constructor(context: LayoutContext) {
    this.#context = context;
  }

  /** Asks the API server for all pods, at once for all networks that are new: they often come together. @throws ApiError, TransportError */
  async of(network: Network, signal: AbortSignal): Promise<HeldLayout> {
    const look = this.#lastWith(network) ?? this.#begin(network, signal);
    await look.done;
    return look.layouts.get(keyOf(network)) ?? new HeldLayout(network, this.#context.client.serverTime);
  }

  #lastWith(network: Network): Look | undefined {
    return this.#last?.layouts.has(keyOf(network)) ? this.#last : undefined;
  }

  #begin(network: Network, signal: AbortSignal): Look {
    const isNew = (stored: readonly unknown[] = []): boolean => stored.length === 0;
    const others = this.#context.view.networks().filter(({ object }) => isNew(object.status?.interfaces));
    const all = [network, ...others.map(({ state }) => state.network)].filter(({ ownAddresses }) => ownAddresses);
    const now = this.#context.client.serverTime;
    const layouts = new Map(all.map(each => [keyOf(each), new HeldLayout(each, now)]));
    const look: Look = { layouts, done: this.#look([...layouts.values()], signal) };
    this.#last = look;
    void this.#forgetLater(look, signal);
    return look;
  }

  /** It may have the records of tens of thousands of pods. */
  async #forgetLater(look: Look, signal: AbortSignal): Promise<void> {
    const isWhole = await look.done.then(
      () => true,
      () => false,
    );
    if (isWhole) await sleep(goodForMs, signal);
    if (this.#last === look) this.#last = undefined;
  }

  async #look(layouts: readonly HeldLayout[], signal: AbortSignal): Promise<void> {
    const { client } = this.#context;
    const labelled = new Set<string>();
    await client.list(namespaces, {
      labelSelector: `${label.injection}=enabled`,
      signal,
      transform: visiting(({ metadata }) => void labelled.add(metadata.name)),
    });
    const visit: Parameters<typeof eachPod>[1] = (pod, object) => {
      const admission = { isAdmitted: labelled.has(pod.namespace) && isAdmitted(object) };
      for (const layout of layouts) layout.note(pod, admission);
    };
    await eachPod(client, visit, signal);
  }
}

function keyOf({ uid, generation }: Network): string {
  return `${uid} ${generation}`;
}

/** Whether the pod's attachments are what admission decided, in a namespace with our label. What it leaves alone is as its author wrote it. */
function isAdmitted(pod: Pod): boolean {
  const facts = factsOf(pod, pod.metadata.namespace ?? '');
  return facts.labels[label.injected] === 'true' && skipReason(facts, { [label.injection]: 'enabled' }) === undefined;
}
