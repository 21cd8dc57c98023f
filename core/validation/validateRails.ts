import type { HostInterfaceSpec } from '../api/types.ts';
import type { NicPosition } from '../layout/interfaceIndex.ts';
import { membersOf, routerOf } from '../layout/members.ts';
import { parseCidr } from '../net/cidr.ts';
import { isPointToPoint } from '../net/pointToPoint.ts';
import { type Finding, warning } from '../network/finding.ts';
import { type Draft, membershipOf } from './draft.ts';

/** Without an entry of masterNets over them, each point-to-point subnet is a place of its own, of which there are more with every host. */
export function hintAtRails(finding: Finding, found: readonly NicPosition[]): Finding {
  const pair = found.find(({ netAddress }) => isPointToPoint(parseCidr(netAddress)));
  if (!pair) return finding;
  const hint = `${pair.netAddress} and other point-to-point subnets count once for each of masterNets that holds them`;
  return { ...finding, detail: `${finding.detail}; ${hint}` };
}

/** On a rail there is nobody but the router: what needs neighbours reaches no pod of another host. */
export function checkNeighbours(draft: Draft, hosts: readonly HostInterfaceSpec[]): Finding[] {
  if (!draft.ipam || !draft.ownAddresses || draft.l3 || draft.subnets.length === 0) return [];
  const membership = membershipOf(draft);
  for (const host of hosts) {
    const onRail = membersOf(membership, host).find(
      member => routerOf(membership, member, 4) ?? routerOf(membership, member, 6),
    );
    if (!onRail) continue;
    const where = `${onRail.nic.interfaceName} of host ${host.hostName}`;
    const detail = `without vlanMode l3 pods reach other hosts as neighbours, but ${where} has a point-to-point subnet in ${onRail.netAddress}`;
    return [warning('MNN_MODE_CONFLICT', 'spec.ipam', detail)];
  }
  return [];
}
