import { membersOf } from '../../core/layout/members.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import type { ConditionState } from '../discovery/hostInterfaceWriter.ts';
import type { Netlink } from '../netlink/netlink.ts';
import { getSysctl, interfaceKey } from '../netlink/sysctl.ts';

const conditionType = 'ReversePath';

/** rp_filter: strict reverse path filtering (RFC 3704 §2.2). */
const strict = 1;

/**
 * Whether the host drops what pods of ptp networks are sent: where two of its NICs are in one subnet, an answer may arrive by the other one
 * than the routes name, and strict filtering drops that. The setting is the administrator's: it is reported, not changed. IPv6 has no such
 * filter in sysctl.
 */
export async function reversePathCondition(netlink: Netlink, view: ClusterView, node: string): Promise<ConditionState> {
  const dropping: string[] = [];
  for (const nic of sharedSubnetNics(view, node)) if ((await effective(netlink, nic)) === strict) dropping.push(nic);
  if (dropping.length === 0) {
    const message = 'No reverse path filter drops what pods are sent';
    return { type: conditionType, status: 'True', reason: 'NothingDropped', message };
  }
  const message = `rp_filter is strict (1) on ${dropping.join(', ')}, which share a subnet, so answers to pods of ptp networks that arrive by the other NIC are dropped; set net.ipv4.conf.all.rp_filter to 2`;
  return { type: conditionType, status: 'False', reason: 'StrictFilter', message };
}

/** NICs of this node that ptp networks use and that have another NIC in their IPv4 subnet. */
function sharedSubnetNics(view: ClusterView, node: string): string[] {
  const host = view.host(node)?.spec;
  if (!host) return [];
  const shared = new Set<string>();
  for (const { state } of view.networks()) {
    if (state.network.spec.plugin.type !== 'ptp') continue;
    const bySubnet = Map.groupBy(membersOf(state.network, host), ({ netAddress }) => netAddress);
    for (const [subnet, members] of bySubnet) {
      if (members.length < 2 || subnet.includes(':')) continue;
      for (const { nic } of members) shared.add(nic.interfaceName);
    }
  }
  return [...shared].sort();
}

/** The higher of the NIC's and of all NICs' value counts (Documentation/networking/ip-sysctl.rst, rp_filter). */
async function effective(netlink: Netlink, nic: string): Promise<number> {
  const values = await netlink.run(null, [
    { ...getSysctl('ipv4/conf/all/rp_filter'), ignore: ['ENOENT'] },
    { ...getSysctl(interfaceKey(nic, 4, 'rp_filter')), ignore: ['ENOENT'] },
  ]);
  return Math.max(...values.map(value => Number(value ?? 0)));
}
