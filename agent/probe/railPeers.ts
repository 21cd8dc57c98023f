import { parseAddress } from '../../core/net/address.ts';
import { contains, parseCidr } from '../../core/net/cidr.ts';
import { hopsOf } from '../checkpoint/entry.ts';
import type { RouteInfo } from '../netlink/netlink.ts';
import type { ProbedNic } from './peers.ts';

/**
 * The NIC with the peers that the host reaches over it; undefined if there are none. Peers in the NIC's subnet are neighbours. Behind a router, one to
 * which no route leads out of the NIC would be looked for as a neighbour by the kernel, and silent: not every host uses the rails itself.
 * @param device the NIC's index
 * @param routes of the main table
 */
export function reachedBy(probed: ProbedNic, device: number, routes: readonly RouteInfo[]): ProbedNic | undefined {
  if (!probed.behindRouter) return probed;
  const ways = routes
    .filter(route => route.type === 'unicast' && hopsOf(route).some(({ dev }) => dev === device))
    .map(({ dst }) => parseCidr(dst));
  const peers = probed.peers.filter(({ address }) => {
    const parsed = parseAddress(address);
    return ways.some(dst => contains(dst, parsed));
  });
  return peers.length === 0 ? undefined : { ...probed, peers };
}
