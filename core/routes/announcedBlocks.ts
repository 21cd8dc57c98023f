import type { HostInterfaceSpec, InterfaceIndex } from '../api/types.ts';
import { blocksOf } from '../layout/hostBlocks.ts';
import { membersOf, routerOf } from '../layout/members.ts';
import { formatCidr } from '../net/cidr.ts';
import type { Network } from '../network/network.ts';

/**
 * A host's own blocks that routers have to know, as other hosts send there what is for them. Between neighbours nobody has to: a host is asked for its
 * blocks by its own address.
 */
export function announcedBlocks(
  network: Network,
  interfaces: readonly InterfaceIndex[],
  host: HostInterfaceSpec,
  hostIndex: number,
): string[] {
  if (!network.l3) return [];
  return membersOf(network, host).flatMap(member =>
    blocksOf(network, interfaces, member, hostIndex)
      .filter(({ pod }) => routerOf(network, member, pod.family))
      .map(({ pod }) => formatCidr(pod)),
  );
}
