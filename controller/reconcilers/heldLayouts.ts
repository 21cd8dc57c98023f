import type { Network } from '../../core/network/network.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { HeldLayout } from '../plan/heldLayout.ts';
import { eachPod } from './eachPod.ts';

/** How long an answer is good for, ms: host blocks and status of a new network are planned at the same time. */
const goodForMs = 10_000;

interface Look {
  readonly key: string;
  readonly at: number;
  readonly found: Promise<HeldLayout>;
}

/**
 * Where pods have their addresses of a network that knows nothing of its layout: it is new, or its objects were lost (somebody deleted the
 * CustomResourceDefinitions, or restored a backup, which has no status), and its pods went on running (decision 35).
 */
export class HeldLayouts {
  readonly #client: KubeClient;
  #last: Look | undefined;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** Asks the API server for all pods. @throws ApiError, TransportError */
  async of(network: Network, signal: AbortSignal): Promise<HeldLayout> {
    const key = `${network.uid} ${network.generation}`;
    const last = this.#last;
    if (last?.key === key && performance.now() - last.at < goodForMs) return last.found;
    const found = this.#look(network, signal);
    const look = { key, at: performance.now(), found };
    this.#last = look;
    // It may have the records of tens of thousands of pods.
    setTimeout(() => this.#forget(look), goodForMs).unref();
    try {
      return await found;
    } catch (error) {
      this.#forget(look);
      throw error;
    }
  }

  #forget(look: Look): void {
    if (this.#last === look) this.#last = undefined;
  }

  async #look(network: Network, signal: AbortSignal): Promise<HeldLayout> {
    const layout = new HeldLayout(network);
    await eachPod(this.#client, pod => layout.note(pod), signal);
    return layout;
  }
}
