import type { Allocation, MultiNicNetwork } from '../../core/api/types.ts';
import type { PoolContent } from '../../core/pool/content.ts';
import type { KubeClient } from '../api/client.ts';
import { abortable, deadline } from '../api/deadline.ts';
import { multiNicNetworks } from '../api/resources.ts';
import { untilAnswered } from '../api/retry.ts';

/** What a reading may take, ms, of which whoever asks for it waits as long as it has time. */
const readingMs = 5_000;

/** Which MultiNicNetwork a grant rests on, and which of its specifications. */
export interface NetworkVersion {
  uid: string;
  generation: number;
}

/**
 * Whether what was granted rests on the network as it is, and not on a copy that lags behind an edit of its layout, or behind the deletion of
 * a network that was made again. Both are refused while a pool has records. So the network is read after a pool's first record has been
 * written, and not again while one is there that was there before: as long as that lives, nobody could make such an edit.
 */
export class NetworkProof {
  readonly #client: KubeClient;
  /** Record → the version that was the network's when the record was there already. */
  readonly #proven = new WeakMap<Allocation, string>();
  /** By network: the end of the reading that is under way, and the one that follows it, shared by all who ask meanwhile. */
  readonly #ends = new Map<string, Promise<void>>();
  readonly #following = new Map<string, Promise<MultiNicNetwork | undefined>>();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** Whether nothing but this version can be, as a record says that is there. */
  isProven({ allocations }: PoolContent, version: NetworkVersion): boolean {
    return allocations.some(record => record.state !== 'Released' && this.#proven.get(record) === textOf(version));
  }

  /** The version is the network's, now that these records are there. */
  keep({ allocations }: PoolContent, version: NetworkVersion): void {
    for (const record of allocations) if (record.state !== 'Released') this.#proven.set(record, textOf(version));
  }

  /** A record's next version says what the one before said. */
  carry(before: PoolContent, after: PoolContent): void {
    for (const [i, record] of after.allocations.entries()) {
      const old = before.allocations[i];
      const text = old && old !== record ? this.#proven.get(old) : undefined;
      if (text !== undefined) this.#proven.set(record, text);
    }
  }

  /** Whether the API server has this version of the network, in a reading that began after the call. @throws ApiError, TransportError */
  async isLatest(name: string, version: NetworkVersion, timeoutMs: number): Promise<boolean> {
    using limit = deadline(undefined, timeoutMs, `network ${name}`);
    const found = await abortable(this.#readAfresh(name), limit.signal);
    return found?.metadata.uid === version.uid && found.metadata.generation === version.generation;
  }

  #readAfresh(name: string): Promise<MultiNicNetwork | undefined> {
    const end = this.#ends.get(name);
    const reading = this.#following.get(name) ?? (end ? end.then(() => this.#read(name)) : this.#read(name));
    if (end) this.#following.set(name, reading);
    return reading;
  }

  #read(name: string): Promise<MultiNicNetwork | undefined> {
    this.#following.delete(name);
    const reading = untilAnswered(readingMs, timeoutMs => this.#client.find(multiNicNetworks, { name }, { timeoutMs }));
    const ended = (): void => {
      this.#ends.delete(name);
    };
    this.#ends.set(name, reading.then(ended, ended));
    return reading;
  }
}

function textOf({ uid, generation }: NetworkVersion): string {
  return `${uid} ${generation}`;
}
