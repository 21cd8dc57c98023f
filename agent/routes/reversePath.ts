import type { ClusterView } from '../../kube/view/clusterView.ts';
import type { ConditionState } from '../discovery/hostInterfaceWriter.ts';
import type { Netlink } from '../netlink/netlink.ts';
import { effective, sharedSubnetNics } from './sharedSubnets.ts';

const conditionType = 'ReversePath';

/** rp_filter: strict reverse path filtering (RFC 3704 §2.2). */
const strict = 1;

/**
 * Whether the host drops packets for pods of ptp networks: if two of its NICs are in one subnet, an answer may arrive by another NIC
 * than the routes name, and strict filtering drops that. The setting is the administrator's: it is reported, not changed. IPv6 has no such
 * filter in sysctl.
 */
export async function reversePathCondition(netlink: Netlink, view: ClusterView, node: string): Promise<ConditionState> {
  const dropping: string[] = [];
  for (const nic of await sharedSubnetNics(netlink, view, node, ({ spec }) => spec.plugin.type === 'ptp')) {
    if ((await effective(netlink, nic, 'rp_filter')) === strict) dropping.push(nic);
  }
  if (dropping.length === 0) {
    const message = 'No reverse path filter drops what pods are sent';
    return { type: conditionType, status: 'True', reason: 'NothingDropped', message };
  }
  const message = `rp_filter is strict (1) on ${dropping.join(', ')}, which share a subnet, so answers to pods of ptp networks that arrive by the other NIC are dropped; set net.ipv4.conf.all.rp_filter to 2`;
  return { type: conditionType, status: 'False', reason: 'StrictFilter', message };
}
