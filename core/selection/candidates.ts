import type { HostInterfaceSpec } from '../api/types.ts';
import { configuredMasters } from '../delegate/nicIpam.ts';
import { type Member, membersOf } from '../layout/members.ts';
import type { Network } from '../network/network.ts';

/**
 * The NICs of a host that a pod of the network can get, in the order of its interfaces: the network's members. An IPAM with a section for
 * each NIC names them itself, also those that have no address on the host and are no members for that reason.
 * @param members the host's, where they are known already
 */
export function candidatesOf(
  network: Network,
  host: HostInterfaceSpec,
  members: readonly Member[] = membersOf(network, host),
): readonly Member[] {
  const named = configuredMasters(network);
  if (!named) return members;
  return named.map(interfaceName => {
    const member = members.find(({ nic }) => nic.interfaceName === interfaceName);
    return member ?? { nic: { interfaceName }, netAddress: '', ordinal: 0, hostAddresses: [] };
  });
}
