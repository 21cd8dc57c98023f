import type { AllocatedNic, Allocation } from '../api/types.ts';
import type { PoolContent } from './content.ts';

export interface Rules {
  now: Date;
  /** How long a released address is not given out again, unless nothing else is left. */
  coolDownMs: number;
}

/** Replaces a pod's namespace, name and interface in a record in which several pods' addresses rest: no name can be this. */
const several = '*';

/**
 * Marks the records that match as released; they rest for the cool-down. Released records past it are dropped on the way.
 * @returns the pool's new content; undefined where nothing changes
 */
export function release(
  before: PoolContent,
  matches: (record: Allocation) => boolean,
  rules: Rules,
): PoolContent | undefined {
  const kept: Allocation[] = [];
  const released: Allocation[] = [];
  for (const record of before.allocations) {
    if (record.state === 'Released' ? isCooling(record, rules) : !matches(record)) kept.push(record);
    else if (record.state !== 'Released') released.push(record);
  }
  if (kept.length === before.allocations.length) return undefined;
  return { ...before, allocations: [...kept, ...resting(released, rules.now.toISOString())] };
}

/** Whether the addresses of a released record still rest. */
export function isCooling(record: Allocation, { now, coolDownMs }: Rules): boolean {
  return now.getTime() - Date.parse(record.since) < coolDownMs;
}

/**
 * Released addresses, as they rest until others get them. Several attachments are merged into one record: the API server's work for a pool grows
 * with its lines, and after hundreds of pods have ended at once, every write would carry a line for each of them for a minute.
 * @param since RFC 3339: when all of them were released
 */
function resting(released: readonly Allocation[], since: string): Allocation[] {
  const [first, ...others] = released;
  if (!first) return [];
  if (others.length === 0) return [{ ...first, state: 'Released', since }];
  const owner = { podUID: '', namespace: several, name: several, interface: several };
  const nics = merged(released.flatMap(({ nics }) => nics));
  return nics.length > 0 ? [{ ...owner, nics, state: 'Released', since }] : [];
}

/** The record without addresses that somebody else has got; undefined if none is left. */
export function restingWithout(record: Allocation, given: ReadonlySet<string>): Allocation | undefined {
  const isGiven = (address: string): boolean => given.has(address);
  if (!record.nics.some(({ addresses }) => addresses.some(isGiven))) return record;
  const nics = record.nics
    .map(nic => ({ ...nic, addresses: nic.addresses.filter(address => !isGiven(address)) }))
    .filter(({ addresses }) => addresses.length > 0);
  return nics.length > 0 ? { ...record, nics } : undefined;
}

/**
 * How many attachments' addresses the records hold, or let rest; of dual-stack ones that rest, twice as many. The state tells, not the name: before
 * the API server has checked it, a pod may call itself anything.
 */
export function attachmentsIn(records: readonly Allocation[]): number {
  return records.reduce((sum, { state, nics }) => sum + (state === 'Released' ? mostOfANic(nics) : 1), 0);
}

function mostOfANic(nics: readonly AllocatedNic[]): number {
  return Math.max(0, ...nics.map(({ addresses }) => addresses.length));
}

function merged(nics: readonly AllocatedNic[]): AllocatedNic[] {
  const withAddresses = nics.filter(({ addresses }) => addresses.length > 0);
  return [...Map.groupBy(withAddresses, ({ netAddress }) => netAddress)].map(([netAddress, same]) => ({
    netAddress,
    addresses: same.flatMap(nic => nic.addresses),
  }));
}
