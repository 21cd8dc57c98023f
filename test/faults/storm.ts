import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../../kube/api/client.ts';
import { ApiError, isAlreadyExists, isConflict, isNotFound, TransportError } from '../../kube/api/errors.ts';
import { type Pod, pods } from '../../kube/api/resources.ts';
import { bindPod } from '../bindPod.ts';
import { addressesOf, podOf } from '../webhook/support.ts';

export interface StormPlace {
  namespace: string;
  /** Nodes without a machine: nobody there minds a pod. */
  nodeNames: readonly string[];
}

/** Pods created, bound as the scheduler does, and deleted, by several users at once, each of which keeps its last few pods. */
export class Storm {
  readonly #client: KubeClient;
  readonly #name: string;
  readonly #place: StormPlace;
  /** Address → pod, of pods that live. */
  readonly #users = new Map<string, string>();
  /** Pods that are, or may be: their names. */
  readonly #alive = new Set<string>();
  #stopped = false;
  created = 0;
  /** What tries failed with that came to nothing because a program was away, and were made again. */
  readonly failed: string[] = [];
  /** Pods that were bound while no webhook answered, as failurePolicy Ignore has it: the agent gives them their addresses. */
  unattached = 0;
  /** What must not happen. */
  readonly wrong: string[] = [];

  /** @param name begins the pods' names; no other storm of the cluster has it */
  constructor(client: KubeClient, name: string, place: StormPlace) {
    this.#client = client;
    this.#name = name;
    this.#place = place;
  }

  /**
   * Makes so many pods, and deletes all but the last few of each user.
   * @param pauseMs of each user after each pod
   * @param isOver asked when there are enough: false has it go on
   */
  async run(count: number, { users = 16, kept = 4, pauseMs = 0, isOver = (): boolean => true } = {}): Promise<void> {
    const { nodeNames } = this.#place;
    let next = 0;
    const user = async (): Promise<void> => {
      const own: string[] = [];
      for (let i = next++; !this.#stopped && (i < count || !isOver()); i = next++) {
        const name = `${this.#name}-${i}`;
        this.#alive.add(name);
        await this.#make(name, nodeNames[i % nodeNames.length] ?? '');
        own.push(name);
        if (own.length > kept) await this.#delete(own.shift() ?? '');
        await sleep(pauseMs);
      }
    };
    await Promise.all(Array.from({ length: users }, user));
  }

  /** Ends it where something else went wrong, so that nothing goes on behind a test that has failed. */
  stop(): void {
    this.#stopped = true;
  }

  /** Has the pods that are left run, so that an audit asks for their records. */
  async startAll(): Promise<void> {
    const { namespace } = this.#place;
    for (const name of this.#alive) {
      const running = { status: { phase: 'Running' } };
      const at = { subresource: 'status' };
      await this.#persist(() => this.#client.patch(pods, { namespace, name }, 'merge', running, at));
    }
  }

  async deleteAll(): Promise<void> {
    for (const name of this.#alive) await this.#delete(name);
  }

  async #make(name: string, node: string): Promise<void> {
    const { namespace } = this.#place;
    await this.#persist(() => this.#client.create(pods, podOf({ namespace, name, spec: byHand })), isAlreadyExists);
    this.created++;
    await this.#persist(() => bindPod(this.#client, { namespace, name }, node), isConflict);
    const pod = await this.#persist(() => this.#client.get(pods, { namespace, name }));
    if (pod) this.#look(pod);
  }

  #look(pod: Pod): void {
    const addresses = addressesOf(pod);
    const { name } = pod.metadata;
    // Two NICs of each network; those of `pages` were granted at creation, where failurePolicy is Fail.
    if (addresses.length === 2) this.unattached++;
    else if (addresses.length !== 4) this.wrong.push(`${name} has ${addresses.join(', ') || 'no address'}`);
    for (const address of addresses) {
      const user = this.#users.get(address);
      if (user !== undefined) this.wrong.push(`${address} of ${name} is ${user}'s`);
      this.#users.set(address, name);
    }
  }

  async #delete(name: string): Promise<void> {
    for (const [address, user] of this.#users) if (user === name) this.#users.delete(address);
    const { namespace } = this.#place;
    await this.#persist(() => this.#client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0 }), isNotFound);
    this.#alive.delete(name);
  }

  /** Tries until it is done, as controllers do; `isDone` knows the error that says that an earlier try was. */
  async #persist<T>(work: () => Promise<T>, isDone: (error: unknown) => boolean = () => false): Promise<T | undefined> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (isDone(error)) return undefined;
        if (this.#stopped) throw error;
        if (!isAway(error)) {
          this.wrong.push(String(error));
          if (this.wrong.length > 10) throw error;
        }
        this.failed.push(String(error));
        await sleep(200);
      }
    }
  }
}

/** Keeps a scheduler, where there is one, from binding the pods. */
const byHand = { schedulerName: 'storm' };

/** Whether a program did not answer: the API server, etcd behind it, or the webhook that it had to ask (failurePolicy Fail). */
function isAway(error: unknown): boolean {
  if (error instanceof TransportError) return true;
  // The API server's own admission answers 403 where etcd is away.
  return error instanceof ApiError && (error.status >= 500 || /rpc error|etcdserver/.test(error.message));
}
