import type { Allocation } from '../api/types.ts';
import { bareAddress } from '../net/interfaceAddress.ts';
import { hasOwnMacs } from '../network/nicUse.ts';
import type { AuditedNetwork, AuditedPod, AuditedPool, AuditInput } from './types.ts';

/** A record that holds addresses, where it is, and its pod if there is one. */
export interface LiveRecord {
  record: Allocation;
  pool: AuditedPool;
  pod: AuditedPod | undefined;
}

/** The input, indexed once for all checks. */
export interface AuditView extends AuditInput {
  live: readonly LiveRecord[];
  byPod: ReadonlyMap<AuditedPod, readonly LiveRecord[]>;
}

/** Finds out which live records are of which pods. */
export function viewOf(input: AuditInput): AuditView {
  const byUid = new Map(input.pods.map(pod => [pod.uid, pod]));
  const byReservation = new Map(
    input.pods.flatMap(pod =>
      pod.reservation === undefined ? [] : [[`${pod.namespace} ${pod.reservation}`, pod] as const],
    ),
  );
  const podOf = ({ podUID, namespace, reservation = '' }: Allocation): AuditedPod | undefined =>
    podUID === '' ? byReservation.get(`${namespace} ${reservation}`) : byUid.get(podUID);
  const live = input.pools.flatMap(pool =>
    pool.allocations.filter(({ state }) => state !== 'Released').map(record => ({ record, pool, pod: podOf(record) })),
  );
  const byPod = new Map<AuditedPod, LiveRecord[]>();
  for (const held of live) {
    if (!held.pod) continue;
    const records = byPod.get(held.pod) ?? [];
    records.push(held);
    byPod.set(held.pod, records);
  }
  return { ...input, live, byPod };
}

/** All addresses of the NICs, without prefix lengths. */
export function addressesOf(nics: readonly { addresses: readonly string[] }[]): string[] {
  return nics.flatMap(({ addresses }) => addresses.map(bareAddress));
}

/** Whether a pod is to keep what it has. */
export function isStaying({ endedAt, isDeleted = false }: AuditedPod): boolean {
  return endedAt === undefined && !isDeleted;
}

/** An address that a pod uses, and should use alone. */
export interface UsedAddress {
  network: string;
  /** Without prefix length; a hardware address in lower case. */
  address: string;
  /** For a hardware address: the host subnet in which no other pod of the network may have it. */
  netAddress?: string;
}

/**
 * The addresses that a pod that has not ended, and is not to end, was given or has on its node, in networks whose addresses are ours, and the hardware addresses that it asks for.
 */
export function usedAddresses(
  pod: AuditedPod,
  networks: ReadonlyMap<string, AuditedNetwork | undefined>,
): UsedAddress[] {
  const { attachments, macs, interfaces } = pod;
  if (!isStaying(pod)) return [];
  const asked = macs.flatMap(({ network, netAddress, mac: address }): UsedAddress[] => {
    const known = networks.get(network);
    const segment = known && hasOwnMacs(known.network) ? (netAddress ?? onlySubnet(known)) : undefined;
    return segment === undefined ? [] : [{ network, netAddress: segment, address }];
  });
  const decided = attachments.map(({ network, nics }) => ({ network, addresses: addressesOf(nics) }));
  const actual = interfaces
    .filter(({ network }) => networks.get(network)?.network.ownAddresses)
    .map(({ network, addresses }) => ({ network, addresses: addresses.map(bareAddress) }));
  const given = [...decided, ...actual].flatMap(({ network, addresses }) =>
    addresses.map((address): UsedAddress => ({ network, address })),
  );
  return [...given, ...asked];
}

/** The only subnet in which a pod of the network can be; undefined if there are several, or none is known. */
function onlySubnet({ interfaces: [first, ...more] }: AuditedNetwork): string | undefined {
  return more.length === 0 ? first?.netAddress : undefined;
}

/** A pod in a finding. */
export function podName({ namespace, name }: { namespace: string; name: string }): string {
  return `pod ${namespace}/${name}`;
}

/** A pool in a finding. */
export function poolName({ name }: AuditedPool): string {
  return `ippool ${name}`;
}
