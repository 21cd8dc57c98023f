import type { InterfaceIndex } from '../../core/api/types.ts';
import type { Network } from '../../core/network/network.ts';
import { describePosition } from '../../core/status/hosts.ts';
import type { KnownNetwork } from '../../kube/view/clusterView.ts';
import type { LeaderContext } from '../context/leaderContext.ts';
import { type InterfacesInput, planInterfaces } from '../plan/interfaces.ts';
import { type IndexContext, indexHolders } from './indexHolders.ts';

/** The outcome of a search for interface indexes that NICs without one can get. */
export interface Reuse {
  /** Indexes to be given away. */
  readonly free: ReadonlySet<number>;
  /** Why other indexes whose NICs are gone cannot be given away; each in words. */
  readonly kept: readonly string[];
  /** When to look again, in milliseconds; absent where there is nothing to wait for. */
  readonly againMs?: number;
}

/** Where there is nothing to be had, or nothing wanted. */
export const noReuse: Reuse = { free: new Set(), kept: [] };

/** How long an answer of the API server is good for at most: it is asked for all pods. */
const longestGoodMs = 60_000;

/** What of a leader's context is needed. */
export type ReuseContext = IndexContext & Pick<LeaderContext, 'logger' | 'surveys'>;

type Gone = InterfaceIndex & { goneSince: string };

interface Look {
  /** On the monotonic clock, ms. */
  at: number;
  asked: ReadonlySet<number>;
  holders: ReadonlyMap<number, string>;
}

/**
 * Finds interface indexes for NICs when none are left: those of NICs that no host has had for a good while, the longest gone first, and
 * no more than are needed.
 *
 * Copies only tell where it is worth looking. The API server is then asked whether really no host has such a NIC and nobody holds an address
 * under the index; without its confirmation an index stays. A node that is down, and one whose NIC is in a pod, has that NIC in its
 * HostInterface. Should the NIC come back in that very moment, it waits for an index as new ones do; two pods do not get one address by that,
 * as a host's are all in one pool.
 */
export class InterfaceReuse {
  readonly #context: ReuseContext;
  readonly #absenceMs: number;
  readonly #goodForMs: number;
  /** By network. */
  readonly #looks = new Map<string, Look>();

  /** @param absenceMs for how long no host must have had a NIC whose index is given away */
  constructor(context: ReuseContext, absenceMs: number) {
    this.#context = context;
    this.#absenceMs = absenceMs;
    this.#goodForMs = Math.min(absenceMs, longestGoodMs);
  }

  /** The network is gone. */
  forget(network: string): void {
    this.#looks.delete(network);
  }

  /** Asks the API server only where the network has NICs without an index, and indexes whose NICs are long gone. */
  async find({ object, state: { network } }: KnownNetwork, signal: AbortSignal): Promise<Reuse> {
    const { positions } = this.#context.surveys.survey(network);
    const input = { network, stored: object.status?.interfaces ?? [], positions, now: this.#context.client.serverTime };
    const { interfaces, unassigned } = planInterfaces(input);
    const gone = unassigned.length === 0 ? [] : interfaces.filter(isGone).sort(byTime);
    const waitMs = ({ goneSince }: Gone): number => Date.parse(goneSince) + this.#absenceMs - input.now.getTime();
    const due = gone.filter(entry => waitMs(entry) <= 0);
    const waits = gone.map(waitMs).filter(ms => ms > 0);
    const why = new Map(gone.map(({ index }) => [index, `for ${this.#absenceMs / 60_000} minutes`]));
    if (due.length > 0) {
      const { at, holders } = await this.#look(network, due, signal);
      for (const { index } of due) why.delete(index);
      for (const [index, holder] of holders) why.set(index, holder);
      waits.push(Math.max(0, at + this.#goodForMs - performance.now()));
    } else {
      this.#looks.delete(network.name);
    }
    if (gone.length === 0) return noReuse;
    const kept = gone.flatMap(entry => {
      const reason = why.get(entry.index);
      const what = `index ${entry.index} of ${describePosition(entry)}, gone since ${entry.goneSince}, is kept`;
      return reason === undefined ? [] : [`${what}: ${reason}`];
    });
    const unheld = due.filter(({ index }) => !why.has(index));
    return { free: enoughOf(unheld, input), kept, againMs: Math.min(...waits) };
  }

  async #look(network: Network, due: readonly Gone[], signal: AbortSignal): Promise<Look> {
    const { logger } = this.#context;
    const last = this.#looks.get(network.name);
    const isGood = last !== undefined && performance.now() - last.at < this.#goodForMs;
    if (isGood && due.every(({ index }) => last.asked.has(index))) return last;
    const holders = await indexHolders(this.#context, network, due, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      logger.warn(
        { err: error, network: network.name },
        'could not find out who holds addresses under interface indexes',
      );
      return new Map(due.map(({ index }) => [index, 'the API server did not say who holds addresses under it']));
    });
    const look = { at: performance.now(), asked: new Set(due.map(({ index }) => index)), holders };
    this.#looks.set(network.name, look);
    return look;
  }
}

function isGone(entry: InterfaceIndex): entry is Gone {
  return entry.goneSince !== undefined;
}

function byTime(a: Gone, b: Gone): number {
  return Date.parse(a.goneSince) - Date.parse(b.goneSince) || a.index - b.index;
}

/** The first of these that serve all NICs, without those that serve none: excludes may cover them. */
function enoughOf(entries: readonly Gone[], input: InterfacesInput): ReadonlySet<number> {
  const free = new Set<number>();
  let left = planInterfaces(input).unassigned.length;
  for (const { index } of entries) {
    const unserved = planInterfaces({ ...input, free: new Set([...free, index]) }).unassigned.length;
    if (unserved === left) continue;
    free.add(index);
    left = unserved;
  }
  return free;
}
