import type { ClusterView } from '../../kube/view/clusterView.ts';
import type { ConditionState } from '../discovery/hostInterfaceWriter.ts';
import type { Netlink } from '../netlink/netlink.ts';
import { forwardingKey, getSysctl } from '../netlink/sysctl.ts';
import type { Family } from '../netlink/types.ts';

const conditionType = 'Forwarding';

/**
 * Whether the host passes packets on between its NICs and the pods of ptp networks (ipvlan and macvlan do not need it). The setting is
 * the administrator's: it is reported, not changed.
 */
export async function forwardingCondition(netlink: Netlink, view: ClusterView): Promise<ConditionState> {
  const families = new Set<Family>(
    view
      .networks()
      .filter(({ state }) => state.network.spec.plugin.type === 'ptp')
      .flatMap(({ state }) => state.network.subnets.map(({ family }) => family)),
  );
  const off: string[] = [];
  for (const family of families) {
    const key = forwardingKey(family);
    const value = await netlink.one(null, { ...getSysctl(key), ignore: ['ENOENT'] });
    if (value === '0') off.push(`net.${key.replaceAll('/', '.')}`);
  }
  if (off.length > 0) {
    const message = `${off.join(' and ')} is 0, so pods of ptp networks cannot reach other hosts; set it to 1`;
    return { type: conditionType, status: 'False', reason: 'ForwardingOff', message };
  }
  const reason = families.size > 0 ? 'ForwardingOn' : 'NotNeeded';
  const message = families.size > 0 ? 'The host forwards packets' : 'No network needs the host to forward packets';
  return { type: conditionType, status: 'True', reason, message };
}
