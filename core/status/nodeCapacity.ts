import type { InterfaceIndex } from '../api/types.ts';
import { type Block, blocksOf } from '../layout/hostBlocks.ts';
import { isUsable, usableCount } from '../layout/layout.ts';
import { isUp, type Member } from '../layout/members.ts';
import type { AddressIndex } from '../net/addressIndex.ts';
import { formatCidr } from '../net/cidr.ts';
import type { Network } from '../network/network.ts';
import { keepsPromises } from '../selection/wish.ts';

/** Counting ends at this many attachments: no node runs so many pods. */
export const capacityLimit = 1_000_000;

/** What one node has of one network. */
export interface NodeShare {
  network: Network;
  interfaces: readonly InterfaceIndex[];
  members: readonly Member[];
  /** The node's host index; not needed where the network's addresses do not depend on the node. */
  hostIndex: number | undefined;
  /** Addresses of hosts, which pods do not get; they matter where the network has no pod subnet. */
  hostAddresses: AddressIndex | undefined;
}

/**
 * How many attachments of the network the node has addresses for, if each takes one on every NIC: the least over its NICs that are up
 * (0 where all are down). NICs that share a range share its addresses.
 * @returns undefined where the network gives no addresses on this node: none of its own, no NIC, or no block yet
 */
export function nodeCapacity({
  network,
  interfaces,
  members,
  hostIndex,
  hostAddresses,
}: NodeShare): number | undefined {
  if (!network.ownAddresses || members.length === 0) return undefined;
  const index = network.nodeIndependent ? 0 : hostIndex;
  if (index === undefined) return undefined;
  const up = members.filter(isUp);
  if (up.length === 0) return 0;
  const ranges = new Map<string, { block: Block; nics: number }>();
  for (const member of up) {
    const blocks = blocksOf(network, interfaces, member, index);
    if (blocks.length === 0) return undefined;
    for (const block of blocks) {
      const range = ranges.get(formatCidr(block.pod)) ?? { block, nics: 0 };
      range.nics++;
      ranges.set(formatCidr(block.pod), range);
    }
  }
  const counts = [...ranges.values()].map(({ block, nics }) => freeFor(block, hostAddresses) / BigInt(nics));
  return leastOf(counts);
}

/** The number of pods for which there are addresses if each takes one of every range. */
export function leastOf(counts: readonly bigint[]): number {
  return Number(counts.reduce((least, count) => (count < least ? count : least), BigInt(capacityLimit)));
}

/** NICs that a pod can get: those whose link is not down. */
export function usableNics(members: readonly Member[]): number {
  return members.filter(isUp).length;
}

/**
 * Bandwidth that the node can promise to pods of the network, Mbit/s: that of its NICs that are up and whose speed is known. What other
 * networks promise of the same NICs is not taken off, so it is an upper bound; the bind has the last word.
 * @returns undefined where the network promises none, or the node has no NIC in it
 */
export function nodeBandwidth(network: Network, members: readonly Member[]): number | undefined {
  if (!keepsPromises(network) || members.length === 0) return undefined;
  const up = members.filter(isUp);
  return up.reduce((sum, { nic }) => sum + (nic.speedMbps ?? 0), 0);
}

/** Addresses of the block for pods. Hosts' own are counted, not excluded one by one: there may be thousands. */
function freeFor({ pod, excludes }: Block, hostAddresses: AddressIndex | undefined): bigint {
  let held = 0n;
  for (const address of hostAddresses?.within(pod) ?? []) if (isUsable(pod, excludes, address)) held++;
  return usableCount(pod, excludes) - held;
}

/** The whole number that a Kubernetes resource quantity stands for (the API server writes 1000 as 1k); undefined where it is not one. */
export function wholeQuantity(text: string | undefined): number | undefined {
  const { number, suffix = ' ' } = /^(?<number>\d+)(?<suffix>[kMGTPE])?$/.exec(text ?? '')?.groups ?? {};
  return number === undefined ? undefined : Number(number) * 1000 ** ' kMGTPE'.indexOf(suffix);
}
