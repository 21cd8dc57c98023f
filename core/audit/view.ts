import type { Allocation } from '../api/types.ts';
import { formatAddress, tryParseAddress } from '../net/address.ts';
import type { AuditedNetwork, AuditedPod, AuditedPool, AuditInput } from './types.ts';

/** A record that holds addresses, where it is, and its pod where there is one. */
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

/** An address without prefix length, the same text for the same address. */
export function bare(text: string): string {
  const [address = text] = text.split('/', 1);
  const parsed = tryParseAddress(address);
  return parsed ? formatAddress(parsed) : address;
}

export function addressesOf(nics: readonly { addresses: readonly string[] }[]): string[] {
  return nics.flatMap(({ addresses }) => addresses.map(bare));
}

/** What a pod that has not ended was given or has on its node, of networks whose addresses are ours. */
export function usedAddresses(
  { endedAt, attachments, interfaces }: AuditedPod,
  networks: ReadonlyMap<string, AuditedNetwork | undefined>,
): { network: string; address: string }[] {
  if (endedAt !== undefined) return [];
  const decided = attachments.map(({ network, nics }) => ({ network, addresses: addressesOf(nics) }));
  const actual = interfaces
    .filter(({ network }) => networks.get(network)?.network.ownAddresses)
    .map(({ network, addresses }) => ({ network, addresses: addresses.map(bare) }));
  return [...decided, ...actual].flatMap(({ network, addresses }) => addresses.map(address => ({ network, address })));
}

export function podName({ namespace, name }: { namespace: string; name: string }): string {
  return `pod ${namespace}/${name}`;
}

export function poolName({ name }: AuditedPool): string {
  return `ippool ${name}`;
}
