import type { AllocatedNic } from '../../core/api/types.ts';
import { MultiNicError } from '../../core/errors.ts';
import { isUp } from '../../core/layout/members.ts';
import type { Network } from '../../core/network/network.ts';
import type { NodeState } from '../../core/pool/claim.ts';
import { candidatesOf } from '../../core/selection/candidates.ts';
import { selectNics } from '../../core/selection/select.ts';
import type { Wish } from '../../core/selection/types.ts';
import { strategyOf } from '../../core/selection/wish.ts';
import type { HostProfile } from '../../kube/view/hostProfiles.ts';

/** How many nodes per reason, and how many reasons, a refusal names. */
const shownNodes = 3;
const shownReasons = 4;

/**
 * Checks that at least one node has the NICs that the pod asks for, taken by itself: what other pods hold does not count.
 * @returns a warning if no node is known at all: the agents may be about to start, and the pod waits for a node
 * @throws MultiNicError MNN_NO_NODE_FITS with what the nodes lack, most frequent first
 */
export function checkAnyNodeFits(network: Network, wish: Wish, profiles: Iterable<HostProfile>): string[] {
  const lacking = new Map<string, string[]>();
  for (const { members, hosts } of profiles) {
    const candidates = members.map(member => ({ member, promisedMbps: 0 }));
    const selection = selectNics(strategyOf(network), candidates, wish);
    if (selection.ok) return [];
    lacking.set(selection.lacks, [...(lacking.get(selection.lacks) ?? []), ...hosts]);
  }
  if (lacking.size === 0)
    return [`network ${network.name}: there is no HostInterface yet, so the pod waits for a node`];
  const detail = `network ${network.name}: no node can serve the pod: ${summary(lacking)}`;
  throw new MultiNicError('MNN_NO_NODE_FITS', detail);
}

/** What nodes lack, in words, most frequent first. */
function summary(lacking: ReadonlyMap<string, readonly string[]>): string {
  const reasons = [...lacking].sort(([, a], [, b]) => b.length - a.length);
  const shown = reasons.slice(0, shownReasons).map(([lacks, nodes]) => {
    const names = nodes.toSorted().slice(0, shownNodes).join(', ');
    const more = nodes.length > shownNodes ? ` and ${nodes.length - shownNodes} more` : '';
    return `${names}${more} ${nodes.length === 1 ? 'lacks' : 'lack'} ${lacks}`;
  });
  const rest = reasons.length - shown.length;
  return [...shown, ...(rest > 0 ? [`${rest} more reasons`] : [])].join('; ');
}

/**
 * Checks that the node has NICs for attachments that were granted before it was known.
 * @throws MultiNicError MNN_NODE_LACKS
 */
export function checkNodeHas(network: Network, node: NodeState, attachments: readonly AllocatedNic[]): void {
  const members = node.host ? candidatesOf(network, node.host) : [];
  const free = members.filter(isUp);
  for (const { netAddress, master } of attachments) {
    const i = free.findIndex(
      m => m.netAddress === netAddress && (master ?? m.nic.interfaceName) === m.nic.interfaceName,
    );
    if (i >= 0) {
      free.splice(i, 1);
      continue;
    }
    const lacks =
      master === undefined ? `a NIC in ${netAddress} with its link up` : `the NIC ${master} in ${netAddress}`;
    throw new MultiNicError('MNN_NODE_LACKS', `network ${network.name}: node ${node.name} lacks ${lacks}`);
  }
}
