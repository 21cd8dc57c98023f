import type { InterfaceIndex } from '../../core/api/types.ts';
import { assignHostIndexes, changedPages } from '../../core/layout/assignHostIndexes.ts';
import { layoutsOf } from '../../core/layout/hostBlocks.ts';
import { hostIndexes, type HostPage } from '../../core/layout/hostIndex.ts';
import { hostSubnetLayout, isExcluded, type Layout, podCidr } from '../../core/layout/layout.ts';
import { tryParseCidr } from '../../core/net/cidr.ts';
import type { Network } from '../../core/network/network.ts';

/** Indexes beyond this are not used: blocks of so many hosts only fit IPv6, and no cluster has so many hosts. */
const maxIndexes = 2 ** 24;

/** How many host indexes the network's layout has. */
export function hostIndexCount(network: Network): number {
  return Math.min(maxIndexes, 2 ** network.ipam.hostBlock);
}

/** The input that decides which host gets which index. */
export interface HostPagesInput {
  network: Network;
  /** Interface indexes, including those that are about to be stored. */
  interfaces: readonly InterfaceIndex[];
  pages: readonly HostPage[];
  /** Hosts with NICs in the network, in the order in which new ones get their index. */
  members: readonly string[];
  /** Whether the Node or the HostInterface of a host that has an index still exists. */
  exists: (host: string) => boolean;
  /** The index under which pods hold addresses, of hosts that exist and that no page has. */
  held?: ReadonlyMap<string, number> | undefined;
}

/** What to write, and the outcome. */
export interface HostPagesPlan {
  /** The pages that differ, with their whole content; one without hosts is to be deleted. */
  changed: HostPage[];
  /** Hosts that no index is left for. */
  unassigned: string[];
  /** Hosts that lose their index because they are gone. */
  gone: string[];
}

/**
 * Plans the host indexes of one network. A host keeps its index as long as it exists, whether or not it has NICs in the network at the
 * moment; if somebody has deleted its page, the pools still tell the index. A network that needs no host indexes gives them all up.
 */
export function planHostPages(input: HostPagesInput): HostPagesPlan {
  const { network, interfaces, pages, members, exists, held = new Map<string, number>() } = input;
  if (!network.ownAddresses || network.nodeIndependent) {
    return { changed: changedPages(pages, new Map()), unassigned: [], gone: [] };
  }
  const wanted = new Set([...members, ...held.keys()]);
  const gone: string[] = [];
  for (const host of hostIndexes(pages).keys()) {
    if (wanted.has(host)) continue;
    if (exists(host)) wanted.add(host);
    else gone.push(host);
  }
  const rules = { limit: hostIndexCount(network), usable: usableIndex(network, interfaces), held };
  return { ...assignHostIndexes(pages, [...wanted], rules), gone };
}

/** Whether an exclude leaves something of a host index's blocks, on every interface. */
function usableIndex(network: Network, interfaces: readonly InterfaceIndex[]): (hostIndex: number) => boolean {
  if (network.excludes.length === 0) return () => true;
  const cuts: { layout: Layout; interfaceIndex: number }[] =
    network.subnets.length > 0
      ? layoutsOf(network).flatMap(layout => interfaces.map(({ index }) => ({ layout, interfaceIndex: index })))
      : interfaces.flatMap(({ netAddress }) => {
          const net = tryParseCidr(netAddress);
          const { hostBlock } = network.ipam;
          return net ? [{ layout: hostSubnetLayout(net, hostBlock, network.excludes), interfaceIndex: 0 }] : [];
        });
  return hostIndex =>
    cuts.every(({ layout, interfaceIndex }) => {
      const block = podCidr(layout, interfaceIndex, hostIndex);
      return block !== undefined && !isExcluded(layout, block);
    });
}
