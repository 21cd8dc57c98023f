import type { Network } from '../../core/network/network.ts';
import { nicUse } from '../../core/network/nicUse.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import type { ConditionState } from '../discovery/hostInterfaceWriter.ts';
import type { Netlink } from '../netlink/netlink.ts';
import { effective, sharedSubnetNics } from './sharedSubnets.ts';

const conditionType = 'ArpAnswers';

/**
 * Whether the host attracts packets for pods of ipvlan l3 and l3s networks to the wrong NIC: by default, each NIC answers ARP for all addresses of
 * the host, so one of two in a subnet gets what is sent to either, and an ipvlan link hears only what comes to its own NIC. The setting is the
 * administrator's: it is reported, not changed. In IPv6 a NIC answers for its own addresses only.
 */
export async function arpAnswersCondition(netlink: Netlink, view: ClusterView, node: string): Promise<ConditionState> {
  const drawing: string[] = [];
  for (const nic of await sharedSubnetNics(netlink, view, node, isBoundToNic)) {
    const answersForAll = (await effective(netlink, nic, 'arp_ignore')) === 0;
    if (answersForAll && (await effective(netlink, nic, 'arp_filter')) === 0) drawing.push(nic);
  }
  if (drawing.length === 0) {
    const message = 'No NIC answers for another one that pods need';
    return { type: conditionType, status: 'True', reason: 'OwnAnswers', message };
  }
  const message = `arp_ignore is 0 on ${drawing.join(', ')}, which share a subnet, so each answers for the other, and packets for pods of ipvlan l3 networks come in by the wrong NIC and are lost; set net.ipv4.conf.all.arp_ignore to 1`;
  return { type: conditionType, status: 'False', reason: 'AnswersForOthers', message };
}

/** Its links hear only what comes to their NIC, and its pods are reached by the host's address there. */
function isBoundToNic({ l3, spec, ipam }: Network): boolean {
  return l3 && nicUse(spec.plugin, ipam.vlanMode)?.kind === 'ipvlan';
}
