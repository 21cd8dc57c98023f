import type { HostInterfaceSpec, InterfaceIndex } from '../api/types.ts';
import { layoutsOf } from '../layout/hostBlocks.ts';
import { indexOf, positionKey } from '../layout/interfaceIndex.ts';
import { hostBlock, type Layout, vlanCidr } from '../layout/layout.ts';
import { type Member, membersOf, routerOf } from '../layout/members.ts';
import { type Family, formatAddress } from '../net/address.ts';
import { formatCidr, type IpCidr } from '../net/cidr.ts';
import type { Network } from '../network/network.ts';

/** `dst via gateway dev device`, in the network's own table. */
export interface L3Route {
  readonly dst: string;
  readonly gateway: string;
  readonly device: string;
  /**
   * One a host. It decides nothing, as no two routes of a table have one destination. But the kernel finds out whether it knows a next
   * hop by a hash of its device and metric without its address (fib_semantics.c, fib_info_hashfn_1): with one metric for all, each
   * new IPv4 route would be compared with every other of its device.
   */
  readonly metric: number;
}

/** What the routes of one network follow from on one node, besides the host that they lead to. */
export interface RouteBase {
  readonly network: Network;
  /** By the NIC's position. */
  readonly ways: ReadonlyMap<string, Way>;
}

/** A NIC of the node, and the ranges of its interface index over all hosts. */
interface Way {
  readonly device: string;
  /** By family: the next hop to all hosts, where a router leads to them. */
  readonly routers: Readonly<Partial<Record<Family, string>>>;
  readonly ranges: readonly { readonly layout: Layout; readonly vlan: IpCidr }[];
}

/** @param self the node's own NICs */
export function routeBase(network: Network, interfaces: readonly InterfaceIndex[], self: HostInterfaceSpec): RouteBase {
  const ways = new Map<string, Way>();
  if (!network.l3) return { network, ways };
  for (const member of membersOf(network, self)) {
    const index = indexOf(interfaces, member);
    if (index === undefined) continue;
    const ranges = layoutsOf(network).flatMap(layout => {
      const vlan = vlanCidr(layout, index);
      return vlan ? [{ layout, vlan }] : [];
    });
    ways.set(positionKey(member), { device: member.nic.interfaceName, routers: routersOf(network, member), ranges });
  }
  return { network, ways };
}

function routersOf(network: Network, member: Member): Way['routers'] {
  const routers: Partial<Record<Family, string>> = {};
  for (const family of [4, 6] as const) {
    const router = routerOf(network, member, family);
    if (router) routers[family] = formatAddress(router);
  }
  return routers;
}

/** The routes to one other host: to its block of each interface index that both have, by its address on that NIC, or by the router to it. */
export function routesTo({ network, ways }: RouteBase, host: HostInterfaceSpec, hostIndex: number): L3Route[] {
  const routes: L3Route[] = [];
  if (ways.size === 0) return routes;
  for (const member of membersOf(network, host)) {
    const way = ways.get(positionKey(member));
    if (!way) continue;
    for (const { layout, vlan } of way.ranges) {
      const block = hostBlock(layout, vlan, hostIndex);
      const gateway = block && (way.routers[block.family] ?? gatewayFor(member, block));
      if (block && gateway !== undefined)
        routes.push({ dst: formatCidr(block), gateway, device: way.device, metric: hostIndex + 1 });
    }
  }
  return routes;
}

/** The host's address on the NIC in the block's family: in the subnet that makes it a member, where it has one there. */
function gatewayFor({ hostAddresses, netAddress }: Member, block: IpCidr): string | undefined {
  const isOfFamily = ({ address }: Member['hostAddresses'][number]): boolean => address?.family === block.family;
  const first = hostAddresses.find(isOfFamily);
  // Most have one, and there are tens of thousands.
  const isAlone = hostAddresses.length === 1;
  const found = isAlone ? first : (hostAddresses.find(a => isOfFamily(a) && formatCidr(a.net) === netAddress) ?? first);
  return found?.address && formatAddress(found.address);
}
