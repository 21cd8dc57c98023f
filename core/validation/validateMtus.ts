import type { HostInterfaceSpec } from '../api/types.ts';
import { membersOf } from '../layout/members.ts';
import { type Finding, warning } from '../network/finding.ts';
import { nicUse } from '../network/nicUse.ts';
import { type Draft, membershipOf } from './draft.ts';

/** A NIC of a host, as far as its MTU is known. */
interface Carrier {
  name: string;
  host: string;
  mtu: number;
}

const path = 'spec.plugin.args.mtu';

/** What the NICs of the hosts carry, and what the network's links are to have. */
export function checkMtus(draft: Draft, hosts: readonly HostInterfaceSpec[]): Finding[] {
  const { type, args } = draft.spec.plugin;
  const mtu = Number(args?.mtu ?? 0);
  const sharesNic = nicUse(draft.spec.plugin, draft.ipam?.vlanMode ?? '') !== undefined;
  if (mtu !== 0) return sharesNic ? checkLarge(draft, mtu, hosts) : [];
  return sharesNic || type === 'ptp' ? checkDifferent(draft, hosts) : [];
}

/** Links on a NIC cannot carry more than the NIC: the agent refuses them there. */
function checkLarge(draft: Draft, mtu: number, hosts: readonly HostInterfaceSpec[]): Finding[] {
  const narrow = [...carriersBySubnet(draft, hosts).values()].flat().filter(carrier => carrier.mtu < mtu);
  const [first, ...more] = narrow;
  if (first === undefined) return [];
  const rest = more.length === 0 ? '' : `, and ${more.length} more carry less`;
  const detail = `is ${mtu}, but ${first.name} of host ${first.host} carries ${first.mtu}${rest}`;
  return [warning('MNN_PLUGIN_INVALID', path, detail)];
}

/** Without an MTU of the network pods have that of their NIC, and what is larger than the other end's never arrives. */
function checkDifferent(draft: Draft, hosts: readonly HostInterfaceSpec[]): Finding[] {
  const different = [...carriersBySubnet(draft, hosts)].flatMap(([subnet, carriers]) => {
    const least = carriers.reduce((a, b) => (b.mtu < a.mtu ? b : a));
    const most = carriers.reduce((a, b) => (b.mtu > a.mtu ? b : a));
    return least.mtu < most.mtu ? [{ subnet, least, most }] : [];
  });
  const [first, ...more] = different;
  if (first === undefined) return [];
  const { subnet, least, most } = first;
  const rest = more.length === 0 ? '' : `; likewise in ${more.length} more subnets`;
  const detail =
    `is not set, and in ${subnet} ${most.name} of host ${most.host} carries ${most.mtu} bytes, ` +
    `but ${least.name} of host ${least.host} only ${least.mtu}${rest}`;
  return [warning('MNN_MTU_DIFFERS', path, detail)];
}

/** The network's NICs, by the subnet that they share. */
function carriersBySubnet(draft: Draft, hosts: readonly HostInterfaceSpec[]): Map<string, Carrier[]> {
  const membership = membershipOf(draft);
  const carriers = hosts.flatMap(host =>
    membersOf(membership, host).flatMap(({ nic: { interfaceName: name, mtu }, netAddress }) =>
      mtu === undefined ? [] : [{ netAddress, name, host: host.hostName, mtu }],
    ),
  );
  return Map.groupBy(carriers, ({ netAddress }) => netAddress);
}
