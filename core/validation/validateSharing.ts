import type { HostInterfaceSpec } from '../api/types.ts';
import { type Membership, membersOf } from '../layout/members.ts';
import { overlap } from '../net/cidr.ts';
import { type Finding, warning } from '../network/finding.ts';
import type { Network } from '../network/network.ts';
import { nicConflict, nicUse } from '../network/nicUse.ts';
import { type Draft, membershipOf } from './draft.ts';

/**
 * Networks whose links cannot be on one NIC at the same time, and which select the same NIC of some host. A warning: they get along as
 * long as their pods are on different nodes, and the agent refuses the second one on a node.
 */
export function checkSharing(
  draft: Draft,
  networks: readonly Network[],
  hosts: readonly HostInterfaceSpec[],
): Finding[] {
  const use = draft.ipam && nicUse(draft.spec.plugin, draft.ipam.vlanMode);
  if (!use) return [];
  const clashes = networks.flatMap((other): string[] => {
    const theirs = nicUse(other.spec.plugin, other.ipam.vlanMode);
    if (other.name === draft.name || !theirs) return [];
    const why = nicConflict(use, theirs);
    const where = why === undefined ? undefined : sharedNic(membershipOf(draft), other, hosts);
    if (why === undefined || where === undefined) return [];
    return [`network ${other.name} attaches ${theirs.kind} ${theirs.mode} to the same NICs (${where}), and ${why}`];
  });
  const [first, ...more] = clashes;
  if (first === undefined) return [];
  const detail = more.length === 0 ? first : `${first}; likewise ${more.length} more`;
  return [warning('MNN_NIC_CONFLICT', 'spec.plugin', detail)];
}

/** One NIC that both select, in words. */
function sharedNic(ours: Membership, theirs: Membership, hosts: readonly HostInterfaceSpec[]): string | undefined {
  // Networks that are kept apart by their subnets, which is what masterNets are for, need no look at thousands of hosts.
  const mayMeet =
    ours.masterNets.length === 0 ||
    theirs.masterNets.length === 0 ||
    ours.masterNets.some(net => theirs.masterNets.some(other => overlap(net, other)));
  if (!mayMeet) return undefined;
  for (const host of hosts) {
    const names = new Set(membersOf(ours, host).map(({ nic }) => nic.interfaceName));
    const shared = membersOf(theirs, host).find(({ nic }) => names.has(nic.interfaceName));
    if (shared) return `${shared.nic.interfaceName} of host ${host.hostName}`;
  }
  return undefined;
}
