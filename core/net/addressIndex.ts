import type { Family, IpAddress } from './address.ts';
import { contains, type IpCidr, lastOf } from './cidr.ts';

/** Addresses that agree in all but the last bits are kept together. */
const bucketBits = 8n;

type Buckets = Map<bigint, Map<bigint, number>>;

/** Addresses that can be found by range: which of forty thousand lie in a block of some hundred addresses costs no more than the block itself. */
export class AddressIndex {
  /** By family: the first bits → the address → how often it was added. */
  readonly #families: Readonly<Record<Family, Buckets>> = { 4: new Map(), 6: new Map() };

  add({ family, value }: IpAddress): void {
    const buckets = this.#families[family];
    const key = value >> bucketBits;
    const bucket = buckets.get(key) ?? new Map<bigint, number>();
    buckets.set(key, bucket.set(value, (bucket.get(value) ?? 0) + 1));
  }

  /** Undoes one add(); the address is gone when all of them are undone. */
  remove({ family, value }: IpAddress): void {
    const buckets = this.#families[family];
    const key = value >> bucketBits;
    const bucket = buckets.get(key);
    const count = bucket?.get(value) ?? 0;
    if (count > 1) bucket?.set(value, count - 1);
    else bucket?.delete(value);
    if (bucket?.size === 0) buckets.delete(key);
  }

  /** Those that lie in the network, each once. */
  *within(cidr: IpCidr): IterableIterator<IpAddress> {
    const { family, base } = cidr;
    for (const bucket of between(this.#families[family], base >> bucketBits, lastOf(cidr) >> bucketBits)) {
      for (const value of bucket.keys()) if (contains(cidr, { family, value })) yield { family, value };
    }
  }
}

function* between(buckets: Buckets, first: bigint, last: bigint): IterableIterator<ReadonlyMap<bigint, number>> {
  if (last - first >= BigInt(buckets.size)) {
    yield* buckets.values();
    return;
  }
  for (let key = first; key <= last; key++) {
    const bucket = buckets.get(key);
    if (bucket) yield bucket;
  }
}
