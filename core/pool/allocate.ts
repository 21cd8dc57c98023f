import type { AllocatedNic, Allocation } from '../api/types.ts';
import { type Block, refusedIn } from '../layout/hostBlocks.ts';
import { formatAddress, tryParseAddress } from '../net/address.ts';
import { contains, formatCidr } from '../net/cidr.ts';
import { tryAddressOf, withoutPrefix } from '../net/interfaceAddress.ts';
import type { PoolContent } from './content.ts';
import { type AddressRange, nextFree } from './freeAddress.ts';
import { type Claimant, isHeldBy } from './holder.ts';
import { pageOf } from './pages.ts';
import { isCooling, restingWithout, type Rules } from './resting.ts';

/** A NIC that needs an address from each of its blocks. */
export interface NicClaim {
  master?: string;
  netAddress: string;
  blocks: Block[];
  /** Addresses that the pod asks for, at most one per family; a family without one gets the next free address. */
  wanted?: string[];
  /** Bandwidth of the NIC that the attachment is promised, Mbit/s. */
  promisedMbps?: number;
}

export interface Claim {
  claimant: Claimant;
  nics: NicClaim[];
  /** Take from this page of each block only. */
  page?: number;
}

/** Grants, or says why not. `content` is the pool's new content; undefined where nothing changes. */
export type Grant =
  | { ok: true; allocation: Allocation; content: PoolContent | undefined }
  | { ok: false; reason: 'full'; block: string }
  | { ok: false; reason: 'taken' | 'outside' | 'otherPage'; address: string; block: string };

/**
 * Takes one address per NIC and family from the pool, all or none. The same attachment gets the same addresses again, as long as
 * it asks for the same NICs.
 */
export function allocate(before: PoolContent, claim: Claim, rules: Rules): Grant {
  const { allocations } = before;
  const held = allocations.find(a => isHeldBy(a, claim.claimant));
  if (held && sameNics(held.nics, claim.nics)) return { ok: true, allocation: held, content: undefined };
  const others = allocations.filter(a => a !== held);
  const taken = takenAddresses(others, rules);
  const cursors = new Map(before.cursors);
  const nics: AllocatedNic[] = [];
  for (const nic of claim.nics) {
    const granted = allocateNic(nic, claim.page, taken, cursors);
    if (!granted.ok) return granted;
    nics.push({
      ...(nic.master === undefined ? {} : { master: nic.master }),
      netAddress: nic.netAddress,
      addresses: granted.addresses,
      ...(nic.promisedMbps && { promisedMbps: nic.promisedMbps }),
    });
  }
  const { podUID, reservation, namespace, name } = claim.claimant;
  // What a pod that exists is given was not reserved when it was created, though something else may have been.
  const isReserved = podUID === '' && reservation !== undefined;
  const allocation: Allocation = {
    podUID,
    ...(isReserved && { reservation }),
    namespace,
    name,
    interface: claim.claimant.interface,
    nics,
    state: podUID === '' ? 'Reserved' : 'Allocated',
    since: rules.now.toISOString(),
  };
  const given = new Set(nics.flatMap(nic => nic.addresses));
  const kept = others.flatMap(record => {
    if (record.state !== 'Released') return record;
    const rest = isCooling(record, rules) ? restingWithout(record, given) : undefined;
    return rest ?? [];
  });
  return { ok: true, allocation, content: { ...before, allocations: [...kept, allocation], cursors } };
}

type Cursors = Map<string, string>;

interface Taken {
  held: ReadonlySet<string>;
  /** Released, but still resting. */
  cooling: ReadonlySet<string>;
  /** Given out in this call. */
  now: Set<string>;
}

type NicGrant = { ok: true; addresses: string[] } | Exclude<Grant, { ok: true }>;

function allocateNic(nic: NicClaim, page: number | undefined, taken: Taken, cursors: Cursors): NicGrant {
  const addresses: string[] = [];
  for (const block of nic.blocks) {
    const name = formatCidr(block.pod);
    const range = pageOf(block, page);
    const wanted = wantedIn(nic.wanted, block);
    const granted =
      wanted === undefined ? takeNext(range, name, taken, cursors) : takeWanted(range, name, taken, wanted);
    if (!granted.ok) return granted;
    addresses.push(`${granted.address}/${block.vlan.prefix}`);
    taken.now.add(granted.address);
  }
  return { ok: true, addresses };
}

type Taking = { ok: true; address: string } | Exclude<Grant, { ok: true }>;

function takeNext(range: AddressRange, name: string, taken: Taken, cursors: Cursors): Taking {
  const { family } = range.block;
  const text = (value: bigint): string => formatAddress({ family, value });
  const isHeld = (value: bigint): boolean => taken.held.has(text(value)) || taken.now.has(text(value));
  const last = cursors.get(name);
  const cursor = last === undefined ? undefined : tryParseAddress(last)?.value;
  const value =
    nextFree(range, v => isHeld(v) || taken.cooling.has(text(v)), cursor) ?? nextFree(range, isHeld, cursor);
  if (value === undefined) return { ok: false, reason: 'full', block: name };
  cursors.set(name, text(value));
  return { ok: true, address: text(value) };
}

function takeWanted(range: AddressRange, name: string, taken: Taken, wanted: string): Taking {
  const address = tryParseAddress(wanted);
  const asked = address && { ...range, excludes: refusedIn(range), first: address.value, last: address.value };
  const value = asked && nextFree(asked, () => false, undefined);
  if (!address || value === undefined || !contains(range.block, address)) {
    return { ok: false, reason: 'outside', address: wanted, block: name };
  }
  const text = formatAddress(address);
  const { first = address.value, last: end = address.value } = range;
  // Another page has its own record of who holds it.
  if (address.value < first || address.value > end)
    return { ok: false, reason: 'otherPage', address: text, block: name };
  if (taken.held.has(text) || taken.now.has(text)) return { ok: false, reason: 'taken', address: text, block: name };
  return { ok: true, address: text };
}

/** The address of the block's family among those that are asked for, without prefix length: the first one. */
export function wantedIn(wanted: readonly string[] | undefined, block: Block): string | undefined {
  return wanted?.map(withoutPrefix).find(text => tryParseAddress(text)?.family === block.pod.family);
}

function sameNics(held: readonly AllocatedNic[], wanted: readonly NicClaim[]): boolean {
  return (
    held.length === wanted.length &&
    held.every((nic, i) => {
      const claim = wanted[i];
      return (
        claim?.netAddress === nic.netAddress &&
        (nic.master ?? claim.master) === claim.master &&
        (nic.promisedMbps ?? 0) === (claim.promisedMbps ?? 0) &&
        inBlocks(nic, claim)
      );
    })
  );
}

/** A record from before a change of the layout is not granted again. */
function inBlocks(nic: AllocatedNic, claim: NicClaim): boolean {
  const addresses = nic.addresses.flatMap(text => tryAddressOf(text) ?? []);
  return (
    addresses.length === claim.blocks.length &&
    claim.blocks.every(({ pod }) => addresses.some(address => contains(pod, address)))
  );
}

function takenAddresses(allocations: readonly Allocation[], rules: Rules): Taken {
  const held = new Set<string>();
  const cooling = new Set<string>();
  for (const record of allocations) {
    const target = record.state === 'Released' ? cooling : held;
    if (record.state === 'Released' && !isCooling(record, rules)) continue;
    for (const nic of record.nics) for (const address of nic.addresses) target.add(withoutPrefix(address));
  }
  return { held, cooling, now: new Set() };
}
