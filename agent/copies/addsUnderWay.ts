import { cniCodes, cniError } from '../../core/cni/error.ts';
import type { Pod } from '../../kube/api/resources.ts';
import { keyOf, type ObjectRef } from '../../kube/api/types.ts';
import { isEnding, type PodSource } from './podSource.ts';

/**
 * The pods whose ADD is under way. Between the ADD's decision and its checkpoint entry, nothing else shows that the pod's addresses are in
 * use. Whoever releases addresses asks here last, after finding that the pod is past; and an ADD reads its pod only after it is registered
 * here. So one of the two always sees the other.
 */
export class AddsUnderWay {
  readonly #pods: PodSource;
  /** How many calls there are for each pod: those of several sandboxes may overlap. */
  readonly #calls = new Map<string, number>();
  readonly #onEnd: ((pod: ObjectRef) => void)[] = [];

  constructor(pods: PodSource) {
    this.#pods = pods;
  }

  /** Calls the listener when a pod's last ADD has ended, successfully or not. */
  addEndListener(listener: (pod: ObjectRef) => void): void {
    this.#onEnd.push(listener);
  }

  has(pod: ObjectRef): boolean {
    return this.#calls.has(keyOf(pod));
  }

  /**
   * Does the work of an ADD for a pod of this node, registered here meanwhile.
   * @param uid if the runtime names it: another pod of that name does not count
   * @throws CniError code 3 (no such pod), 100 (it is being deleted, or has finished), what the work throws, ApiError, TransportError
   */
  async run<T>(
    ref: ObjectRef,
    uid: string | undefined,
    signal: AbortSignal,
    work: (pod: Pod) => Promise<T>,
  ): Promise<T> {
    const key = keyOf(ref);
    this.#calls.set(key, (this.#calls.get(key) ?? 0) + 1);
    try {
      return await work(await this.#find(ref, uid, signal));
    } finally {
      const left = (this.#calls.get(key) ?? 0) - 1;
      if (left > 0) this.#calls.set(key, left);
      else {
        this.#calls.delete(key);
        for (const listener of this.#onEnd) listener(ref);
      }
    }
  }

  async #find(ref: ObjectRef, uid: string | undefined, signal: AbortSignal): Promise<Pod> {
    const pod = await this.#pods.find(ref, uid, { signal });
    const who = `pod ${keyOf(ref)}`;
    if (!pod) {
      const detail = `this node has no ${who} ${uid ?? ''}`.trimEnd();
      throw cniError(cniCodes.unknownContainer, 'MNN_POD_UNKNOWN', detail);
    }
    if (!isEnding(pod)) return pod;
    throw cniError(cniCodes.noAttachment, 'MNN_POD_ENDING', `${who} is being deleted, or has finished`);
  }
}
