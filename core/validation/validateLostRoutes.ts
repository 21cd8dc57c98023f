import type { Allocation } from '../api/types.ts';
import { covers, tryParseCidr } from '../net/cidr.ts';
import { type Finding, warning } from '../network/finding.ts';
import { cidrsOf, type Draft } from './draft.ts';
import { podCount, somePods } from './holders.ts';

/** All of them, or those over NICs that masterNets does not name any more. */
export type LostRoutes = 'all' | 'masterNets';

/** What routes between nodes a change may take away from pods that run. */
export function lostRoutes(old: Draft, now: Draft): LostRoutes | undefined {
  if (!old.l3) return undefined;
  if (!now.l3) return 'all';
  const [were, are] = [cidrsOf(old.masterNets), cidrsOf(now.masterNets)];
  if (are.length === 0) return undefined;
  const isLeftOut = were.length === 0 || were.some(was => !are.some(is => covers(is, was)));
  return isLeftOut ? 'masterNets' : undefined;
}

/** Pods that run keep their interfaces and addresses, and reach nobody on other nodes. */
export function warnOfLostRoutes(now: Draft, lost: LostRoutes, held: readonly Allocation[]): Finding[] {
  if (lost === 'all') {
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
  const masterNets = cidrsOf(now.masterNets);
  return [...bySubnet].flatMap(([netAddress, allocations]) => {
    const net = tryParseCidr(netAddress);
    if (!net || masterNets.some(is => covers(is, net))) return [];
    const detail = `leaves out ${netAddress}, which has no routes between nodes then: ${podsOf(allocations, 'addresses there')}`;
    return [warning('MNN_IN_USE', 'spec.masterNets', detail)];
  });
}

function podsOf(held: readonly Allocation[], what: string): string {
  const pods = podCount(held);
  return `${pods} ${pods === 1 ? 'pod has' : 'pods have'} ${what} (${somePods(held)})`;
}
