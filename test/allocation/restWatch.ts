import type { IPPool } from '../../core/api/types.ts';
import { bareAddress } from '../../core/net/interfaceAddress.ts';
import { readPool } from '../../core/pool/content.ts';
import type { EventLog, LoggedChange } from './eventLog.ts';
import { nodeCapacity, pageCapacity } from './setting.ts';

/** How long a released address rests, ms: the pool store's default. */
const coolDownMs = 60_000;

/** Between the moment that a writer decides at and the one at which the API server has what it wrote, ms at most. */
const writingMs = 15_000;

interface Hold {
  /** Of the NIC. */
  subnet: string;
  /** Empty where it is only reserved. */
  podUID: string;
}

/** Watches whether addresses rest after they were released, unless nothing else was left, or they are put back. */
export class RestWatch {
  readonly #log: EventLog;
  #position = 0;
  /** Of each pool: address → when it was released, and by whom. */
  readonly #released = new Map<string, Map<string, { at: number; podUID: string }>>();

  constructor(log: EventLog) {
    this.#log = log;
  }

  /** What was given out too early since the last look. */
  look(): string[] {
    const news = this.#log.changes.slice(this.#position);
    this.#position += news.length;
    return news.filter(({ plural }) => plural === 'ippools').flatMap(change => this.#follow(change));
  }

  #follow({ previous, object, isDeleted, at }: LoggedChange): string[] {
    const { name } = object.metadata;
    // Of a node or a network that is gone nothing rests.
    if (isDeleted) this.#released.delete(name);
    if (isDeleted) return [];
    const before = heldIn(previous as IPPool | undefined);
    const after = heldIn(object as IPPool);
    const released = this.#released.get(name) ?? new Map<string, { at: number; podUID: string }>();
    this.#released.set(name, released);
    const resting = (address: string, forMs: number): boolean => at - (released.get(address)?.at ?? -Infinity) < forMs;
    const { spec } = object as IPPool;
    const capacity = spec.page === undefined ? nodeCapacity : pageCapacity;
    const early = [...after].filter(([address, { subnet, podUID }]) => {
      if (before.has(address) || !resting(address, coolDownMs - writingMs)) return false;
      if (podUID !== '' && released.get(address)?.podUID === podUID) return false;
      const inSubnet = [...new Map([...before, ...after])].filter(([, other]) => other.subnet === subnet).length;
      const others = [...released.keys()].filter(
        other =>
          resting(other, coolDownMs + writingMs) &&
          this.#isBeside(other, address) &&
          !before.has(other) &&
          !after.has(other),
      );
      return inSubnet + others.length < capacity;
    });
    for (const [address, { podUID }] of before) if (!after.has(address)) released.set(address, { at, podUID });
    return early.map(([address]) => `${address} of ${name} was given out before it had rested`);
  }

  /** Whether two addresses are of one block, or of one page: all blocks here begin at multiples of eight. */
  #isBeside(a: string, b: string): boolean {
    const [left = '', right = ''] = [a, b].map(address => address.replace(/\d+$/, last => String(Number(last) >> 3)));
    return left === right;
  }
}

/** Addresses in live records. */
function heldIn(pool: IPPool | undefined): Map<string, Hold> {
  const live = readPool(pool).allocations.filter(({ state }) => state !== 'Released');
  return new Map(
    live.flatMap(({ nics, podUID }) =>
      nics.flatMap(({ addresses, netAddress: subnet }) =>
        addresses.map(text => [bareAddress(text), { subnet, podUID }] as const),
      ),
    ),
  );
}
