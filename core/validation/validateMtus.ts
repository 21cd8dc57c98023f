import type { HostInterfaceSpec } from '../api/types.ts';
import { membersOf } from '../layout/members.ts';
import { type Finding, warning } from '../network/finding.ts';
import { type Carrier, differentMtus } from '../network/mtus.ts';
import { nicUse } from '../network/nicUse.ts';
import { type Draft, membershipOf } from './draft.ts';

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
  const narrow = carriersOf(draft, hosts).filter(carrier => carrier.mtu < mtu);
  const [first, ...more] = narrow;
  if (first === undefined) return [];
  const rest = more.length === 0 ? '' : `, and ${more.length} more carry less`;
  const detail = `is ${mtu}, but ${first.name} of host ${first.host} carries ${first.mtu}${rest}`;
  return [warning('MNN_PLUGIN_INVALID', path, detail)];
}

/** Without an MTU of the network pods have that of their NIC, and what is larger than the other end's never arrives. */
function checkDifferent(draft: Draft, hosts: readonly HostInterfaceSpec[]): Finding[] {
  const different = differentMtus(carriersOf(draft, hosts));
  return different === undefined ? [] : [warning('MNN_MTU_DIFFERS', path, `is not set, and ${different}`)];
}

/** The network's NICs whose MTU is known. */
function carriersOf(draft: Draft, hosts: readonly HostInterfaceSpec[]): Carrier[] {
  const membership = membershipOf(draft);
  return hosts.flatMap(host =>
    membersOf(membership, host).flatMap(({ nic: { interfaceName: name, mtu }, netAddress }) =>
      mtu === undefined ? [] : [{ netAddress, name, host: host.hostName, mtu }],
    ),
  );
}
