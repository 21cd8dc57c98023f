import type { AllocatedNic, HostNic } from '../../core/api/types.ts';
import { addressesOf } from '../../core/layout/members.ts';
import { formatCidr } from '../../core/net/cidr.ts';
import { compareNaturally } from '../../core/naturalOrder.ts';

/** What is known of a host's NICs at one moment. */
export interface Sighting {
  /** As the HostInterface has them. */
  readonly known: readonly HostNic[];
  /** Those that count as NICs now. */
  readonly found: readonly HostNic[];
  /** Names of all links that have an address, whatever keeps some of them from being NICs. */
  readonly addressed: ReadonlySet<string>;
  /** What pods hold of this host's NICs; undefined while that is not known. */
  readonly held: readonly AllocatedNic[] | undefined;
}

/**
 * NICs that have gone, or have lost their addresses, and that keep their places as long as pods hold addresses on NICs behind them in their subnet.
 * A NIC's block follows from which one it is there, by name: without them the others would move up, each to a block of other addresses than its pods
 * have, to which no route of another host leads then. A device that is reset, or a lease that is not renewed, would do that.
 */
export function lostNics({ known, found, addressed, held }: Sighting): HostNic[] {
  const there = new Set(found.map(({ interfaceName }) => interfaceName));
  const names = new Set(known.map(({ interfaceName }) => interfaceName));
  const fresh = found.filter(({ interfaceName }) => !names.has(interfaceName));
  return known
    .filter(nic => !there.has(nic.interfaceName) && !addressed.has(nic.interfaceName))
    .filter(nic => !fresh.some(other => isSame(nic, other)) && isHeldBehind(nic, held))
    .map(nic => ({ ...nic, linkState: 'down' }));
}

/** Under another name. */
function isSame(nic: HostNic, other: HostNic): boolean {
  return (nic.mac !== undefined && nic.mac === other.mac) || (nic.hostIP !== undefined && nic.hostIP === other.hostIP);
}

function isHeldBehind(nic: HostNic, held: Sighting['held']): boolean {
  if (!held) return true;
  const subnets = new Set(addressesOf(nic).map(({ net }) => formatCidr(net)));
  return held.some(
    ({ master, netAddress }) =>
      master !== undefined && subnets.has(netAddress) && compareNaturally(master, nic.interfaceName) > 0,
  );
}
