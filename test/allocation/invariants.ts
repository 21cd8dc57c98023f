import type { Allocation, IPPool } from '../../core/api/types.ts';
import { auditedPod } from '../../core/audit/readPod.ts';
import { bareAddress } from '../../core/net/interfaceAddress.ts';
import { readPool } from '../../core/pool/content.ts';
import { ipPools, pods } from '../../kube/api/resources.ts';
import type { Model, Use } from './model.ts';
import type { Site } from './site.ts';

interface HeldRecord extends Allocation {
  pool: string;
  network: string;
}

/** What is wrong now; nothing where all holds that must hold at any time. */
export async function violations(site: Site, model: Model): Promise<string[]> {
  const pools = await site.user.list(ipPools);
  const records = liveRecords(pools);
  const uses = [...(await promises(site, model)), ...sandboxUses(model)];
  return [
    ...site.failures,
    ...site.rests.look(),
    ...wrongCounts(pools),
    ...sharedRecords(records),
    ...sharedUses(uses),
    ...unheld(uses, records),
  ];
}

/** Records that hold addresses. */
export function liveRecords(pools: readonly IPPool[]): HeldRecord[] {
  return pools.flatMap(pool =>
    readPool(pool)
      .allocations.filter(({ state }) => state !== 'Released')
      .map(record => ({ ...record, pool: pool.metadata.name, network: pool.spec.network })),
  );
}

/** What admission wrote into pods that live. */
async function promises(site: Site, model: Model): Promise<(Use & { reservation?: string })[]> {
  const objects = await site.user.list(pods);
  return objects.flatMap(object => {
    const { uid, attachments, reservation } = auditedPod(object);
    const pod = model.pods.get(uid);
    if (pod?.state !== 'live' || pod.isLost) return [];
    return attachments.map(({ network, interface: ifname, nics }) => ({
      ...{ uid, network, interface: ifname, addresses: nics.flatMap(({ addresses }) => addresses) },
      ...(reservation !== undefined && { reservation }),
    }));
  });
}

function sandboxUses(model: Model): Use[] {
  return [...model.sandboxes.values()]
    .filter(({ uid }) => model.pods.get(uid)?.state !== 'finished')
    .flatMap(({ uses }) => uses);
}

function wrongCounts(pools: readonly IPPool[]): string[] {
  return pools.flatMap(({ metadata, status }) => {
    const { allocations = [], used = 0, capacity = Infinity } = status ?? {};
    const live = allocations.filter(text => !text.startsWith('Released')).length;
    if (used === live && used <= capacity) return [];
    return [`ippool ${metadata.name} says ${used} of ${capacity} are used, and has ${live} records`];
  });
}

function sharedRecords(records: readonly HeldRecord[]): string[] {
  return repeated(records.flatMap(record => addressesOf(record).map(address => [address, record] as const))).map(
    ([address, holders]) => `${address} is in the records of ${holders.map(describe).join(' and ')}`,
  );
}

function sharedUses(uses: readonly Use[]): string[] {
  return repeated(uses.flatMap(use => use.addresses.map(address => [bareAddress(address), use] as const)))
    .filter(([, holders]) => new Set(holders.map(({ uid }) => uid)).size > 1)
    .map(([address, holders]) => `${address} is used by ${holders.map(({ uid }) => uid).join(' and ')}`);
}

/** Uses of pods that live, or may live on a node that is cut off, without a record that keeps others off. */
function unheld(uses: readonly (Use & { reservation?: string })[], records: readonly HeldRecord[]): string[] {
  return uses.flatMap(({ uid, reservation, network, interface: ifname, addresses }) => {
    const own = records.filter(
      record =>
        record.network === network &&
        record.interface === ifname &&
        (record.podUID === uid || (record.podUID === '' && record.reservation === reservation)),
    );
    const held = new Set(own.flatMap(addressesOf));
    const lost = addresses.map(bareAddress).filter(address => !held.has(address));
    return lost.length === 0 ? [] : [`${uid} uses ${lost.join(', ')} of ${network}, which no record of its own holds`];
  });
}

/** No pool may know a pod that was only tried. */
export function triedOnly(records: readonly HeldRecord[]): string[] {
  return records.filter(({ name }) => name.startsWith('dry-')).map(record => `a dry run left ${describe(record)}`);
}

/** No attachment of a pod that has its node may hold more than it uses, for long. */
export function heldTwice(records: readonly HeldRecord[], model: Model): string[] {
  const bound = records.filter(({ podUID }) => model.pods.get(podUID)?.node !== undefined);
  const attachments = bound.map(record => [`${record.network} ${record.podUID} ${record.interface}`, record] as const);
  return repeated(attachments).map(([, held]) => `held by one attachment: ${held.map(describe).join(' and ')}`);
}

export function describe({ pool, state, name, podUID, reservation = '' }: HeldRecord): string {
  return `${pool}: ${state} ${name} ${podUID || reservation}`;
}

function addressesOf({ nics }: Allocation): string[] {
  return nics.flatMap(({ addresses }) => addresses.map(bareAddress));
}

function repeated<T>(pairs: readonly (readonly [string, T])[]): [string, T[]][] {
  const by = new Map<string, T[]>();
  for (const [key, value] of pairs) by.set(key, [...(by.get(key) ?? []), value]);
  return [...by].filter(([, values]) => values.length > 1);
}
