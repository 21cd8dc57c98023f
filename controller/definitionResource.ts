import type { KubeClient } from '../kube/client.ts';
import { sleep } from '../kube/deadline.ts';
import { isNotFound } from '../kube/errors.ts';
import type { Informer } from '../kube/informer.ts';
import type { Logger } from '../kube/log.ts';
import { networkAttachmentDefinitions, type NetworkAttachmentDefinition } from '../kube/resources.ts';

/** Watches for the NetworkAttachmentDefinition resource itself: a cluster may get Multus later, or never. */
export class DefinitionResource {
  readonly informer: Informer<NetworkAttachmentDefinition>;
  readonly #client: KubeClient;
  readonly #log: Logger;
  readonly #recheckMs: number;
  #installed: boolean | undefined;

  constructor(client: KubeClient, informer: Informer<NetworkAttachmentDefinition>, log: Logger, recheckMs: number) {
    this.#client = client;
    this.informer = informer;
    this.#log = log;
    this.#recheckMs = recheckMs;
  }

  /** Whether the resource is there and its objects are known; undefined while that is not known. */
  get installed(): boolean | undefined {
    return this.#installed;
  }

  /**
   * Asks until the resource is there, then runs its informer until the signal aborts.
   * @param onChange called whenever the answer changes
   */
  async run(signal: AbortSignal, onChange: () => void): Promise<void> {
    while (!signal.aborted && !(await this.#isServed(signal))) {
      if (this.#installed === undefined && !signal.aborted) {
        this.#installed = false;
        this.#log.info('the cluster has no NetworkAttachmentDefinition resource: none are made until it has');
        onChange();
      }
      await sleep(this.#recheckMs, signal);
    }
    if (signal.aborted) return;
    const running = this.informer.start(signal);
    void this.informer.synced.then(() => {
      this.#installed = true;
      onChange();
    });
    await running;
  }

  /** False where the API server says 404. A failure of any other kind says nothing: asked again. */
  async #isServed(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      try {
        const { group, version } = networkAttachmentDefinitions;
        await this.#client.request('GET', `/apis/${group}/${version}`, { signal });
        return true;
      } catch (error) {
        if (isNotFound(error)) return false;
        if (!signal.aborted)
          this.#log.warn({ err: error }, 'NetworkAttachmentDefinition cannot be asked for, going on');
        await sleep(Math.min(5_000, this.#recheckMs), signal);
      }
    }
    return false;
  }
}
