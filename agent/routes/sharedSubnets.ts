import { membersOf, routerOf } from '../../core/layout/members.ts';
import { formatCidr, parseCidr } from '../../core/net/cidr.ts';
import type { Network } from '../../core/network/network.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import type { Netlink } from '../netlink/netlink.ts';
import { getSysctl, interfaceKey } from '../netlink/sysctl.ts';

/**
 * Links of this node in an IPv4 subnet where any of the given networks has a NIC, and that is not the only one there. The others may be none of the NICs to
 * pods: the primary one, or one that the agent's rules leave out.
 */
export async function sharedSubnetNics(
  netlink: Netlink,
  view: ClusterView,
  node: string,
  isMeant: (network: Network) => boolean,
): Promise<string[]> {
  const used = usedSubnets(view, node, isMeant);
  if (used.size === 0) return [];
  const addresses = await netlink.one(null, { op: 'address.list', family: 4 });
  const bySubnet = Map.groupBy(addresses, ({ address }) => formatCidr(parseCidr(address)));
  const shared = [...bySubnet].flatMap(([subnet, infos]) => {
    const devs = new Set(infos.map(({ dev }) => dev));
    return used.has(subnet) && devs.size > 1 ? [...devs] : [];
  });
  const links = await netlink.run(
    null,
    shared.map(dev => ({ op: 'link.get' as const, dev, ignore: ['ENODEV'] as const })),
  );
  return [...new Set(links.flatMap(link => link?.name ?? []))].sort();
}

/** Those without a router of their own. */
function usedSubnets(view: ClusterView, node: string, isMeant: (network: Network) => boolean): Set<string> {
  const host = view.host(node)?.spec;
  const networks = view.networks().map(({ state }) => state.network);
  return new Set(
    networks.filter(isMeant).flatMap(network => {
      const members = host ? membersOf(network, host) : [];
      return members.filter(member => !routerOf(network, member, 4)).map(({ netAddress }) => netAddress);
    }),
  );
}

/** An IPv4 setting for which the higher of the NIC's own value and that for all NICs counts (Documentation/networking/ip-sysctl.rst). */
export async function effective(netlink: Netlink, nic: string, setting: string): Promise<number> {
  const values = await netlink.run(null, [
    { ...getSysctl(`ipv4/conf/all/${setting}`), ignore: ['ENOENT'] },
    { ...getSysctl(interfaceKey(nic, 4, setting)), ignore: ['ENOENT'] },
  ]);
  return Math.max(...values.map(value => Number(value ?? 0)));
}
