import type { Logger } from 'pino';
import { annotation, component } from '../../core/api/names.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { isConflict, isNotFound } from '../../kube/api/errors.ts';
import { pods } from '../../kube/api/resources.ts';
import { keyOf, refOf } from '../../kube/api/types.ts';
import { type Runnable, untilAborted } from '../../kube/process/lifecycle.ts';
import { WorkQueue, type WorkQueueObserver } from '../../kube/process/workQueue.ts';
import { formatNetworkStatus, type NetworkStatus } from './networkStatus.ts';
import type { WaitingStatus, WaitingStatuses } from './waitingStatuses.ts';

export interface StatusWriterOptions {
  readonly client: KubeClient;
  /** Keeps what is not written yet for the next agent. */
  readonly waiting: WaitingStatuses;
  readonly logger: Logger;
  readonly observer?: WorkQueueObserver;
  /** How long the end of the agent waits for what is not written yet, ms. Default 5,000. */
  readonly flushMs?: number;
}

/** Writes k8s.v1.cni.cncf.io/network-status where there is no Multus to do it, retrying until it is written or the pod is gone. */
export class StatusWriter implements Runnable {
  readonly name = 'network status';
  readonly #client: KubeClient;
  readonly #waiting: WaitingStatuses;
  readonly #queue: WorkQueue;
  readonly #pending = new Map<string, WaitingStatus>();
  readonly #flushMs: number;
  #onEmpty = (): void => undefined;

  constructor({ client, waiting, logger, observer, flushMs = 5_000 }: StatusWriterOptions) {
    this.#client = client;
    this.#waiting = waiting;
    this.#flushMs = flushMs;
    this.#queue = new WorkQueue({
      name: this.name,
      logger,
      concurrency: 4,
      handler: (key, signal) => this.#write(key, signal),
      observer,
    });
  }

  publish(pod: { namespace: string; name: string; uid: string }, status: readonly NetworkStatus[]): void {
    const waiting = { ...pod, text: formatNetworkStatus(status) };
    const before = this.#pending.get(keyOf(pod));
    if (before) this.#waiting.delete(before.uid);
    this.#waiting.put(waiting);
    this.#add(waiting);
  }

  #add(status: WaitingStatus): void {
    const key = keyOf(status);
    this.#pending.set(key, status);
    this.#queue.add(key);
  }

  /** Writes, first what an earlier agent left, until the signal aborts; then, for a moment, what is still waiting. */
  async start(signal: AbortSignal): Promise<void> {
    for (const left of this.#waiting.read()) if (!this.#pending.has(keyOf(left))) this.#add(left);
    const controller = new AbortController();
    const ended = this.#queue.start(controller.signal);
    await untilAborted(signal);
    await this.#flush();
    controller.abort();
    await ended;
  }

  async #flush(): Promise<void> {
    if (this.#pending.size === 0) return;
    // What failed may be waiting for longer than this.
    for (const key of this.#pending.keys()) this.#queue.add(key);
    const empty = Promise.withResolvers<void>();
    this.#onEmpty = empty.resolve;
    const timer = setTimeout(empty.resolve, this.#flushMs);
    await empty.promise;
    clearTimeout(timer);
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
    if (this.#pending.get(key) === pending) {
      this.#pending.delete(key);
      this.#waiting.delete(pending.uid);
    }
    if (this.#pending.size === 0) this.#onEmpty();
  }
}
