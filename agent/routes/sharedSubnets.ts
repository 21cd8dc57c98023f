import { membersOf, routerOf } from '../../core/layout/members.ts';
import type { Network } from '../../core/network/network.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import type { Netlink } from '../netlink/netlink.ts';
import { getSysctl, interfaceKey } from '../netlink/sysctl.ts';

/** NICs of this node that any of the given networks uses, and that share their IPv4 subnet with another NIC. */
export function sharedSubnetNics(view: ClusterView, node: string, isMeant: (network: Network) => boolean): string[] {
  const host = view.host(node)?.spec;
  if (!host) return [];
  const shared = new Set<string>();
  for (const { state } of view.networks()) {
    if (!isMeant(state.network)) continue;
    const members = membersOf(state.network, host).filter(member => !routerOf(state.network, member, 4));
    const bySubnet = Map.groupBy(members, ({ netAddress }) => netAddress);
    for (const [subnet, sharing] of bySubnet) {
      if (sharing.length < 2 || subnet.includes(':')) continue;
      for (const { nic } of sharing) shared.add(nic.interfaceName);
    }
  }
  return [...shared].sort();
}

/** An IPv4 setting for which the higher of the NIC's own value and that for all NICs counts (Documentation/networking/ip-sysctl.rst). */
export async function effective(netlink: Netlink, nic: string, setting: string): Promise<number> {
  const values = await netlink.run(null, [
    { ...getSysctl(`ipv4/conf/all/${setting}`), ignore: ['ENOENT'] },
    { ...getSysctl(interfaceKey(nic, 4, setting)), ignore: ['ENOENT'] },
  ]);
  return Math.max(...values.map(value => Number(value ?? 0)));
}
