import type { Allocation, HostInterfaceSpec } from '../api/types.ts';
import { type Membership, membersKey, membersOf } from '../layout/members.ts';
import { covers, type IpCidr, tryParseCidr } from '../net/cidr.ts';
import { type Finding, warning } from '../network/finding.ts';
import { cidrsOf, type Draft, membershipOf } from './draft.ts';
import { podCount, somePods } from './holders.ts';

/** Which routes may go: all of them, or those over NICs that another masterNets does not name any more, or puts into another place. */
export type LostRoutes = { of: 'all' } | { of: 'masterNets'; were: Membership };

/** What routes between nodes a change may take away from pods that run. */
export function lostRoutes(old: Draft, now: Draft): LostRoutes | undefined {
  if (!old.l3) return undefined;
  if (!now.l3) return { of: 'all' };
  const [were, are] = [membershipOf(old), membershipOf(now)];
  return membersKey(were) === membersKey(are) ? undefined : { of: 'masterNets', were };
}

/** Pods that run keep their interfaces and addresses, and reach nobody on other nodes. */
export function warnOfLostRoutes(
  now: Draft,
  lost: LostRoutes,
  held: readonly Allocation[],
  hosts: readonly HostInterfaceSpec[],
): Finding[] {
  if (lost.of === 'all') {
    const detail = `vlanMode is not l3 any more, so there are no routes between nodes then: ${podsOf(held, 'addresses')}`;
    return [warning('MNN_IN_USE', 'spec.ipam', detail)];
  }
  const bySubnet = new Map<string, Allocation[]>();
  for (const allocation of held) {
    for (const { netAddress } of allocation.nics) {
      const others = bySubnet.get(netAddress);
      if (others) others.push(allocation);
      else bySubnet.set(netAddress, [allocation]);
    }
  }
  const moves = movesOf(lost.were, membershipOf(now), hosts);
  return [...bySubnet].flatMap(([netAddress, allocations]) => {
    const lack = lackOf(netAddress, cidrsOf(now.masterNets), moves);
    if (lack === undefined) return [];
    return [warning('MNN_IN_USE', 'spec.masterNets', `${lack}: ${podsOf(allocations, 'addresses there')}`)];
  });
}

/** What becomes of the routes to addresses of NICs in a host subnet, in words; undefined where they stay. */
function lackOf(
  netAddress: string,
  masterNets: readonly IpCidr[],
  moves: ReadonlyMap<string, string>,
): string | undefined {
  const net = tryParseCidr(netAddress);
  if (!net) return undefined;
  if (masterNets.length > 0 && !masterNets.some(is => covers(is, net))) {
    return `leaves out ${netAddress}, which has no routes between nodes then`;
  }
  const place = moves.get(netAddress);
  if (place === undefined) return undefined;
  return `moves NICs from ${netAddress} to ${place} in the layout, so addresses of pods on these have no routes between nodes then`;
}

/** Of NICs that stay members, under which other subnet they stand after a change. A rail stands under the entry of masterNets that it lies in. */
function movesOf(were: Membership, are: Membership, hosts: readonly HostInterfaceSpec[]): Map<string, string> {
  const moves = new Map<string, string>();
  for (const host of hosts) {
    const places = new Map(membersOf(are, host).map(({ nic, netAddress }) => [nic, netAddress]));
    for (const { nic, netAddress } of membersOf(were, host)) {
      const place = places.get(nic);
      if (place !== undefined && place !== netAddress) moves.set(netAddress, place);
    }
  }
  return moves;
}

function podsOf(held: readonly Allocation[], what: string): string {
  const pods = podCount(held);
  return `${pods} ${pods === 1 ? 'pod has' : 'pods have'} ${what} (${somePods(held)})`;
}
