import { label } from '../../core/api/names.ts';
import type { InterfaceIndex, IPPool } from '../../core/api/types.ts';
import { auditedPool } from '../../core/audit/readPool.ts';
import type { AuditedPod } from '../../core/audit/types.ts';
import { addressesOf, podName } from '../../core/audit/view.ts';
import { interfaceIndexOf } from '../../core/layout/hostBlocks.ts';
import { isSamePosition } from '../../core/layout/interfaceIndex.ts';
import { membersOf } from '../../core/layout/members.ts';
import { tryParseAddress } from '../../core/net/address.ts';
import type { Network } from '../../core/network/network.ts';
import { hostInterfaces, ipPools } from '../../kube/api/resources.ts';
import type { LeaderContext } from '../context/leaderContext.ts';
import { atOnce, eachPod, visiting } from './eachPod.ts';

/** What of a leader's context is needed. */
export interface IndexContext extends Pick<LeaderContext, 'client'> {
  informers: Pick<LeaderContext['informers'], 'pools'>;
}

/** By index, the first holder that was found, in words. */
type Holders = Map<number, string>;

/**
 * What keeps these interface indexes of a network from being given to other NICs, as the API server has it now: a host that has such a NIC, a
 * pool with an address under the index, or with a line that cannot be read, a pod that was given one or has it on its node. An index that the
 * answer does not have has nothing behind it.
 * @throws ApiError, TransportError: then nothing is known of any
 */
export async function indexHolders(
  context: IndexContext,
  network: Network,
  entries: readonly InterfaceIndex[],
  signal: AbortSignal,
): Promise<Holders> {
  const holders: Holders = new Map();
  for (const look of [inHosts, inPools, inPods]) {
    const left = entries.filter(({ index }) => !holders.has(index));
    if (left.length > 0) await look(context, { network, entries: left, holders }, signal);
  }
  return holders;
}

interface Look {
  network: Network;
  entries: readonly InterfaceIndex[];
  holders: Holders;
}

async function inHosts({ client }: IndexContext, look: Look, signal: AbortSignal): Promise<void> {
  const { network, entries, holders } = look;
  await client.list(hostInterfaces, {
    signal,
    transform: visiting(({ metadata: { name }, spec }) => {
      const members = membersOf(network, spec);
      for (const entry of entries) {
        if (members.some(member => isSamePosition(entry, member))) note(holders, entry.index, `host ${name} has it`);
      }
    }),
  });
}

async function inPools({ client, informers }: IndexContext, look: Look, signal: AbortSignal): Promise<void> {
  const { network, entries, holders } = look;
  const seen = new Set<string>();
  const visit = (object: IPPool): void => {
    const pool = auditedPool(object);
    seen.add(pool.name);
    if (pool.unreadable.length > 0) {
      for (const { index } of entries) note(holders, index, `ippool ${pool.name} has lines that are not records`);
    }
    for (const record of pool.allocations) {
      const words = (address: string): string => `${podName(record)} holds ${address} (ippool ${pool.name})`;
      noteAddresses(look, addressesOf(record.nics), words);
    }
  };
  const labelSelector = `${label.network}=${network.name}`;
  await client.list(ipPools, { labelSelector, signal, limit: atOnce, transform: visiting(visit) });
  for (const { metadata, spec } of [...informers.pools.list()]) {
    // Somebody may have taken the label off.
    if (spec.network !== network.name || seen.has(metadata.name)) continue;
    const pool = await client.find(ipPools, metadata, { signal });
    if (pool) visit(pool);
  }
}

async function inPods({ client }: IndexContext, look: Look, signal: AbortSignal): Promise<void> {
  const visit = (pod: AuditedPod): void => {
    const isOurs = ({ network }: { network: string }): boolean => network === look.network.name;
    const given = pod.attachments.filter(isOurs).flatMap(({ nics }) => addressesOf(nics));
    const actual = pod.interfaces.filter(isOurs).flatMap(({ addresses }) => addressesOf([{ addresses }]));
    noteAddresses(look, [...given, ...actual], address => `${podName(pod)} has ${address}, which no record explains`);
  };
  await eachPod(client, visit, signal);
}

function noteAddresses(
  { network, entries, holders }: Look,
  addresses: readonly string[],
  words: (address: string) => string,
): void {
  for (const text of addresses) {
    const address = tryParseAddress(text);
    const index = address && interfaceIndexOf(network, address);
    if (entries.some(entry => entry.index === index)) note(holders, index ?? 0, words(text));
  }
}

function note(holders: Holders, index: number, words: string): void {
  if (!holders.has(index)) holders.set(index, words);
}
