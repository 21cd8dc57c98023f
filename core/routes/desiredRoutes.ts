import type { HostInterfaceSpec, InterfaceIndex } from '../api/types.ts';
import { membersOf, type Member } from '../layout/members.ts';
import { blocksOf } from '../layout/hostBlocks.ts';
import { formatAddress } from '../net/address.ts';
import { formatCidr, type IpCidr } from '../net/cidr.ts';
import type { Network } from '../network/network.ts';

/** `dst via gateway dev device`, in the network's own table. */
export interface L3Route {
  dst: string;
  gateway: string;
  device: string;
  /**
   * One a host. It decides nothing, as no two routes of a table have one destination. But the kernel finds out whether it knows a next
   * hop by a hash of its device and metric without its address (fib_semantics.c, fib_info_hashfn_1): with one metric for all, each
   * new IPv4 route would be compared with every other of its device.
   */
  metric: number;
}

/** What one node needs to know of the others for one network. */
export interface RouteView {
  network: Network;
  interfaces: readonly InterfaceIndex[];
  /** Host name → host index in this network. */
  hostIndexes: ReadonlyMap<string, number>;
  /** HostInterface of a host. */
  host(name: string): HostInterfaceSpec | undefined;
}

/**
 * The routes of one node for one L3 network: each other host's block of each interface index that both have, by that host's address on
 * that NIC. Empty for networks that are not L3.
 */
export function desiredRoutes(view: RouteView, node: string): L3Route[] {
  const self = view.host(node);
  if (!view.network.l3 || !self) return [];
  const own = new Map(membersOf(view.network, self).map(member => [positionKey(member), member.nic.interfaceName]));
  const routes: L3Route[] = [];
  for (const host of view.hostIndexes.keys()) if (host !== node) routes.push(...routesTo(view, host, own));
  return routes;
}

/** The routes to one other host. `own` maps the node's NIC positions to its device names. */
function routesTo(view: RouteView, host: string, own: ReadonlyMap<string, string>): L3Route[] {
  const spec = view.host(host);
  const hostIndex = view.hostIndexes.get(host);
  if (!spec || hostIndex === undefined) return [];
  return membersOf(view.network, spec).flatMap(member => {
    const device = own.get(positionKey(member));
    if (device === undefined) return [];
    const blocks = blocksOf(view.network, view.interfaces, member, hostIndex);
    return blocks.flatMap(({ pod }) => {
      const gateway = gatewayFor(member, pod);
      return gateway === undefined ? [] : [{ dst: formatCidr(pod), gateway, device, metric: hostIndex + 1 }];
    });
  });
}

/** The host's address on the NIC in the block's family. */
function gatewayFor(member: Member, block: IpCidr): string | undefined {
  const found = member.hostAddresses.find(({ address }) => address?.family === block.family);
  return found?.address && formatAddress(found.address);
}

function positionKey({ netAddress, ordinal }: Pick<Member, 'netAddress' | 'ordinal'>): string {
  return `${netAddress} ${ordinal}`;
}
