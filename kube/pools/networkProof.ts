import type { Allocation, MultiNicNetwork } from '../../core/api/types.ts';
import type { PoolContent } from '../../core/pool/content.ts';
import type { KubeClient } from '../api/client.ts';
import { abortable, deadline } from '../api/deadline.ts';
import { multiNicNetworks } from '../api/resources.ts';
import { untilAnswered } from '../api/retry.ts';

/** Time-out of a reading, ms; whoever asks for one waits for it only as long as its own time allows. */
const readingMs = 5_000;

/** The MultiNicNetwork, and the version of its spec, that a grant is based on. */
export interface NetworkVersion {
  uid: string;
  generation: number;
}

/**
 * Whether a grant is based on the network as it is, and not on a copy that lags behind an edit of its layout, or behind its deletion and new
 * creation. Both are refused while a pool has records. So the network is read after a pool's first record has been written, and not again
 * while any record from before is still there: as long as that lives, nobody could make such an edit.
 */
export class NetworkProof {
  readonly #client: KubeClient;
  /** Record → the version that the network had at a time when the record was there already. */
  readonly #proven = new WeakMap<Allocation, string>();
  /** By network: the end of the reading under way, and the reading that follows it, shared by all who ask meanwhile. */
  readonly #ends = new Map<string, Promise<void>>();
  readonly #following = new Map<string, Promise<MultiNicNetwork | undefined>>();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** Whether a record that is there proves that the network still has this version. */
  isProven({ allocations }: PoolContent, version: NetworkVersion): boolean {
    return allocations.some(record => record.state !== 'Released' && this.#proven.get(record) === textOf(version));
  }

  /** Notes that the network had this version when these records were there. */
  keep({ allocations }: PoolContent, version: NetworkVersion): void {
    for (const record of allocations) if (record.state !== 'Released') this.#proven.set(record, textOf(version));
  }

  /** A record's new version proves what its old one proved. */
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
