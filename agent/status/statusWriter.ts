import type { Logger } from 'pino';
import { annotation, component } from '../../core/api/names.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { isConflict, isNotFound } from '../../kube/api/errors.ts';
import { pods } from '../../kube/api/resources.ts';
import { keyOf, refOf } from '../../kube/api/types.ts';
import type { Runnable } from '../../kube/process/lifecycle.ts';
import { WorkQueue, type WorkQueueObserver } from '../../kube/process/workQueue.ts';
import { formatNetworkStatus, type NetworkStatus } from './networkStatus.ts';

interface Pending {
  readonly uid: string;
  readonly text: string;
}

/** Writes k8s.v1.cni.cncf.io/network-status where there is no Multus to do it, retrying until it is written or the pod is gone. */
export class StatusWriter implements Runnable {
  readonly name = 'network status';
  readonly #client: KubeClient;
  readonly #queue: WorkQueue;
  readonly #pending = new Map<string, Pending>();

  constructor(client: KubeClient, logger: Logger, observer?: WorkQueueObserver) {
    this.#client = client;
    this.#queue = new WorkQueue({
      name: this.name,
      logger,
      concurrency: 4,
      handler: (key, signal) => this.#write(key, signal),
      observer,
    });
  }

  publish(pod: { namespace: string; name: string; uid: string }, status: readonly NetworkStatus[]): void {
    const key = keyOf(pod);
    this.#pending.set(key, { uid: pod.uid, text: formatNetworkStatus(status) });
    this.#queue.add(key);
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#queue.start(signal);
  }

  async #write(key: string, signal: AbortSignal): Promise<void> {
    const pending = this.#pending.get(key);
    if (!pending) return;
    const metadata = { uid: pending.uid, annotations: { [annotation.networkStatus]: pending.text } };
    try {
      // Through the subresource, as Multus does: the right to patch whole pods would include giving any pod another image.
      const options = { signal, fieldManager: component.agent, subresource: 'status' };
      await this.#client.patch(pods, refOf(key), 'merge', { metadata }, options);
    } catch (error) {
      // The UID in the patch is a precondition: another pod of that name is a conflict.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
    if (this.#pending.get(key) === pending) this.#pending.delete(key);
  }
}
