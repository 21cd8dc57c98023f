import { membersOf } from '../../core/layout/members.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import type { ConditionState } from '../discovery/hostInterfaceWriter.ts';
import type { Netlink } from '../netlink/netlink.ts';
import { forwardingKey, getSysctl, interfaceKey, sysctlName } from '../netlink/sysctl.ts';
import type { Family } from '../netlink/types.ts';

const conditionType = 'Forwarding';

/**
 * Whether the host passes packets on between its NICs and the pods of ptp networks (ipvlan and macvlan do not need it). The setting is
 * the administrator's: it is reported, not changed.
 */
export async function forwardingCondition(netlink: Netlink, view: ClusterView, node: string): Promise<ConditionState> {
  const networks = view.networks().map(({ state }) => state.network);
  const routed = networks.filter(({ spec }) => spec.plugin.type === 'ptp');
  const host = view.host(node)?.spec;
  const uses = (family: Family): boolean =>
    routed.some(({ subnets }) => subnets.some(subnet => subnet.family === family));
  const nics = uses(4) && host ? routed.flatMap(network => membersOf(network, host)).map(({ nic }) => nic) : [];
  const off = await offForNics(netlink, new Set(nics.map(({ interfaceName }) => interfaceName)));
  if (uses(6) && (await isOff(netlink, forwardingKey(6)))) off.push(forwardingKey(6));
  if (off.length > 0) {
    const message = `${off.map(sysctlName).join(' and ')} is 0, so pods of ptp networks cannot reach other hosts; set it to 1`;
    return { type: conditionType, status: 'False', reason: 'ForwardingOff', message };
  }
  const isNeeded = uses(4) || uses(6);
  const reason = isNeeded ? 'ForwardingOn' : 'NotNeeded';
  const message = isNeeded ? 'The host forwards packets' : 'No network needs the host to forward packets';
  return { type: conditionType, status: 'True', reason, message };
}

/** In IPv4 the setting of the NIC counts that a packet comes in by (net/ipv4/route.c); ip_forward sets those of all NICs, and of later ones. */
async function offForNics(netlink: Netlink, nics: Iterable<string>): Promise<string[]> {
  const off: string[] = [];
  for (const nic of nics) {
    const key = interfaceKey(nic, 4, 'forwarding');
    if (await isOff(netlink, key)) off.push(key);
  }
  return off.length > 0 && (await isOff(netlink, forwardingKey(4))) ? [forwardingKey(4)] : off;
}

async function isOff(netlink: Netlink, key: string): Promise<boolean> {
  return (await netlink.one(null, { ...getSysctl(key), ignore: ['ENOENT'] })) === '0';
}
