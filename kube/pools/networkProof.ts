import type { Allocation, IPPool, MultiNicNetwork } from '../../core/api/types.ts';
import type { PoolContent } from '../../core/pool/content.ts';
import { stateOf } from '../../core/pool/record.ts';
import type { KubeClient } from '../api/client.ts';
import { abortable, deadline } from '../api/deadline.ts';
import { multiNicNetworks } from '../api/resources.ts';
import { isOlderVersion } from '../api/resourceVersion.ts';
import { tryMs, untilAnswered } from '../api/retry.ts';

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
 * while any record from before is still there: as long as that lives, nobody could make such an edit. A reading serves all pools that had a
 * record by then, whoever wrote it: what is read is never older than a pool's version that was known when the reading began.
 */
export class NetworkProof {
  readonly #client: KubeClient;
  /** Record → the version that the network had at a time when the record was there already. */
  readonly #proven = new WeakMap<Allocation, string>();
  /** Network → what the last reading found, and the latest resourceVersion of any pool that was known when it began. */
  readonly #readings = new Map<string, { version: string; since: string }>();
  #latest = '0';
  /** By network: the end of the reading under way, and the reading that follows it, shared by all who ask meanwhile. */
  readonly #ends = new Map<string, Promise<void>>();
  readonly #following = new Map<string, Promise<MultiNicNetwork | undefined>>();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /**
   * Whether a record that is there proves that the network still has this version.
   * @param pool the object that is written: what the content was before any change
   */
  isProven({ allocations }: PoolContent, pool: IPPool | undefined, version: NetworkVersion): boolean {
    const text = textOf(version);
    return (
      allocations.some(record => record.state !== 'Released' && this.#proven.get(record) === text) ||
      (pool !== undefined && hasRecords(pool) && this.#wasRead(pool, text))
    );
  }

  #wasRead({ metadata, spec }: IPPool, version: string): boolean {
    const reading = this.#readings.get(spec.network);
    return reading?.version === version && isOlderVersion(reading.since, metadata.resourceVersion) === false;
  }

  /** A pool's version that the API server has told: whatever is read from now on is not older. */
  see({ metadata: { resourceVersion } }: IPPool): void {
    if (resourceVersion !== undefined && isOlderVersion(this.#latest, resourceVersion)) this.#latest = resourceVersion;
  }

  /** The API server may have gone back in time: versions from before say nothing any more. */
  forgetVersions(): void {
    this.#latest = '0';
    this.#readings.clear();
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
    return found !== undefined && textOf(found.metadata) === textOf(version);
  }

  #readAfresh(name: string): Promise<MultiNicNetwork | undefined> {
    const end = this.#ends.get(name);
    const reading = this.#following.get(name) ?? (end ? end.then(() => this.#read(name)) : this.#read(name));
    if (end) this.#following.set(name, reading);
    return reading;
  }

  #read(name: string): Promise<MultiNicNetwork | undefined> {
    this.#following.delete(name);
    const since = this.#latest;
    const reading = untilAnswered(readingMs, leftMs =>
      this.#client.find(multiNicNetworks, { name }, { timeoutMs: tryMs(leftMs) }),
    );
    this.#ends.set(
      name,
      reading.then(
        network => {
          this.#ends.delete(name);
          this.#remember(name, network, since);
        },
        () => {
          this.#ends.delete(name);
        },
      ),
    );
    return reading;
  }

  #remember(name: string, network: MultiNicNetwork | undefined, since: string): void {
    const isOfLostFuture = isOlderVersion(this.#latest, since);
    if (network && !isOfLostFuture) this.#readings.set(name, { version: textOf(network.metadata), since });
    else this.#readings.delete(name);
  }
}

function textOf({ uid, generation }: Partial<NetworkVersion>): string {
  return `${uid} ${generation}`;
}

function hasRecords({ status }: IPPool): boolean {
  return status?.allocations?.some(text => stateOf(text) !== 'Released') ?? false;
}
