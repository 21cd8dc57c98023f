import type { HostInterfaceSpec } from '../api/types.ts';
import { positionKey } from '../layout/interfaceIndex.ts';
import { capacityOf } from '../layout/layout.ts';
import { membersOf } from '../layout/members.ts';
import { formatAddress, type IpAddress } from '../net/address.ts';
import { contains } from '../net/cidr.ts';
import { error, type Finding, warning } from '../network/finding.ts';
import { cidrsOf, type Draft, draftLayouts, membershipOf } from './draft.ts';

/** An address that something outside of all networks has, such as a node, or a pod on its primary network. */
export interface UsedAddress {
  address: IpAddress;
  /** For messages, such as `node node-1`. */
  whose: string;
}

/**
 * A network should not give out what the cluster itself uses: its pods would look for the others among themselves. An error only where nodes would also
 * send the primary network's own packets over the fabric: many subnets are wider than what is ever given out.
 */
export function checkUsedAddresses(
  draft: Draft,
  used: readonly UsedAddress[],
  hosts: readonly HostInterfaceSpec[],
): Finding[] {
  if (!draft.ownAddresses) return [];
  const excludes = cidrsOf(draft.excludes);
  const free = used.filter(({ address }) => !excludes.some(exclude => contains(exclude, address)));
  return draft.subnets.flatMap(({ path, text, cidr }) => {
    const inside = free.filter(({ address }) => cidr && contains(cidr, address));
    const isLedAway = draft.l3 && inside.length > 0 ? blocksWithRoutes(draft, hosts) : () => false;
    const lost = inside.find(({ address }) => isLedAway(address));
    const named = lost ?? inside[0];
    if (!named) return [];
    const more = inside.length === 1 ? '' : `, and ${inside.length - 1} more that are in use`;
    const detail = `${text} holds ${formatAddress(named.address)}, the address of ${named.whose}${more}`;
    if (!lost) return [warning('MNN_OVERLAP', path, `${detail}: pods of the network may not reach them`)];
    return [error('MNN_OVERLAP', path, `${detail}: nodes would send what is for them out of their NICs`)];
  });
}

/** Whether an address is in the block of a NIC of a host, to which all hosts have routes. Blocks are given out from the first on. */
function blocksWithRoutes(draft: Draft, hosts: readonly HostInterfaceSpec[]): (address: IpAddress) => boolean {
  const all = hosts.map(host => membersOf(membershipOf(draft), host)).filter(members => members.length > 0);
  const nics = new Set(all.flat().map(positionKey)).size;
  return address =>
    draftLayouts(draft).some(layout => {
      const { podBits } = capacityOf(layout);
      if (podBits < 0 || !contains(layout.subnet, address)) return false;
      const block = (address.value - layout.subnet.base) >> BigInt(podBits);
      const hostBits = BigInt(layout.hostBits);
      return block >> hostBits < nics && (block & ((1n << hostBits) - 1n)) < all.length;
    });
}
