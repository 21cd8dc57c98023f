import type { AllocatedNic, HostInterfaceSpec } from '../../core/api/types.ts';
import { MultiNicError } from '../../core/errors.ts';
import { layoutsOf } from '../../core/layout/hostBlocks.ts';
import { indexOf } from '../../core/layout/interfaceIndex.ts';
import { vlanCidr } from '../../core/layout/layout.ts';
import { membersOf, type Member } from '../../core/layout/members.ts';
import { parseAddress } from '../../core/net/address.ts';
import { contains } from '../../core/net/cidr.ts';
import { withoutPrefix } from '../../core/net/interfaceAddress.ts';
import type { NetworkState } from '../../core/pool/claim.ts';

/**
 * The host's NIC of each that was granted: the one in the recorded subnet to which other hosts send what is for its addresses, for a host may call
 * its NICs otherwise after a reboot, by each other's names even, and the pods that it had before are started again. It is the recorded one where
 * that does as well, or where the host has none there.
 * @param node its name, for the error
 * @throws MultiNicError MNN_NODE_LACKS where none was recorded, and the host has none in the subnet
 */
export function mastersOf(
  state: NetworkState,
  nics: readonly AllocatedNic[],
  host: HostInterfaceSpec | undefined,
  node: string,
): string[] {
  const { network } = state;
  const members = host ? membersOf(network, host) : [];
  const right = nics.map(nic => members.filter(member => isRight(state, nic, member)));
  const kept = nics.map(({ master }, i) => right[i]?.find(({ nic }) => nic.interfaceName === master));
  const used = new Set(kept.flatMap(member => member?.nic.interfaceName ?? []));
  return nics.map(({ master, netAddress }, i) => {
    if (master !== undefined && kept[i]) return master;
    const inSubnet = members.filter(member => member.netAddress === netAddress);
    const found = [...(right[i] ?? []), ...inSubnet].find(({ nic }) => !used.has(nic.interfaceName));
    const name = found?.nic.interfaceName ?? master;
    if (name === undefined) {
      const detail = `network ${network.name}: node ${node} has no (further) NIC in ${netAddress}`;
      throw new MultiNicError('MNN_NODE_LACKS', detail);
    }
    used.add(name);
    return name;
  });
}

/** Whether the NIC is in the recorded subnet, and its block has the addresses; all blocks of a host subnet are one. */
function isRight(
  { network, interfaces }: NetworkState,
  { netAddress, addresses }: AllocatedNic,
  member: Member,
): boolean {
  if (member.netAddress !== netAddress) return false;
  if (network.subnets.length === 0 || addresses.length === 0) return true;
  const index = indexOf(interfaces, member);
  if (index === undefined) return false;
  const vlans = layoutsOf(network).flatMap(layout => vlanCidr(layout, index) ?? []);
  return addresses.some(text => vlans.some(vlan => contains(vlan, parseAddress(withoutPrefix(text)))));
}
