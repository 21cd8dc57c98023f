import type { AllocatedNic, HostInterfaceSpec } from '../../core/api/types.ts';
import { MultiNicError } from '../../core/errors.ts';
import { layoutsOf } from '../../core/layout/hostBlocks.ts';
import { indexOf } from '../../core/layout/interfaceIndex.ts';
import { vlanCidr } from '../../core/layout/layout.ts';
import { type Member, membersOf } from '../../core/layout/members.ts';
import { parseAddress } from '../../core/net/address.ts';
import { contains } from '../../core/net/cidr.ts';
import { withoutPrefix } from '../../core/net/interfaceAddress.ts';
import type { NetworkState } from '../../core/pool/claim.ts';

/**
 * The host's NIC for each granted one: the NIC in the recorded subnet to which other hosts send what is for its addresses. A host may name its
 * NICs differently after a reboot, may even swap their names, and starts its earlier pods again. It is the NIC of the recorded name if that will do
 * as well, or if the host has none in the subnet.
 * @param node its name, for the error
 * @throws MultiNicError MNN_NODE_LACKS if no name was recorded, and the host has no NIC in the subnet
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

/** Whether the NIC is in the recorded subnet, and its block has the addresses; where blocks are the host subnets, they are one block. */
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
