import type { AllocatedNic, HostNic } from '../../core/api/types.ts';
import { addressesOf } from '../../core/layout/members.ts';
import { compareNaturally } from '../../core/naturalOrder.ts';
import { compareCidrs, covers, formatCidr, type IpCidr, tryParseCidr } from '../../core/net/cidr.ts';
import { isPointToPoint } from '../../core/net/pointToPoint.ts';
import type { ConditionState } from './hostInterfaceWriter.ts';

/** What is known of a host's NICs at one moment. */
export interface Sighting {
  /** As the HostInterface has them. */
  readonly known: readonly HostNic[];
  /** The links that count as NICs now. */
  readonly found: readonly HostNic[];
  /** Names of all links that have an address, even of those that do not count as NICs. */
  readonly addressed: ReadonlySet<string>;
  /** What pods hold of this host's NICs; undefined while that is not known. */
  readonly held: readonly AllocatedNic[] | undefined;
}

/** What happens to NICs that come or go ahead of others in their subnet. */
export interface NicPlaces {
  /** Gone, or without an address: they keep their places, and are shown as down. */
  readonly lost: readonly HostNic[];
  /** New ones: they wait. */
  readonly early: readonly HostNic[];
}

/**
 * A NIC's block depends on its position, by name, among the NICs of its subnet. So while pods hold addresses on a NIC, no NIC before it in its subnet
 * may go or come: its block would become another one than the one its pods have addresses of, and routes of other hosts would no longer lead to them.
 * A device that is reset, a lease that is not renewed, or virtual functions that get addresses by DHCP would do that.
 */
export function nicPlaces({ known, found, addressed, held = known.flatMap(asHeld) }: Sighting): NicPlaces {
  const [before, there] = [byName(known), byName(found)];
  const fresh = found.filter(({ interfaceName }) => !before.has(interfaceName));
  const missing = known.filter(({ interfaceName }) => !there.has(interfaceName) && !addressed.has(interfaceName));
  const isBefore = (nic: HostNic): boolean => isBeforeHeld(nic, held);
  // A host may give all NICs other names, also each other's.
  const hasOtherName = ({ interfaceName }: HostNic): boolean => {
    const [earlier, now] = [before.get(interfaceName), there.get(interfaceName)];
    return !earlier || !now || !isSame(earlier, now);
  };
  const lost = missing.filter(nic => isBefore(nic) && !found.some(now => hasOtherName(now) && isSame(nic, now)));
  const early = fresh.filter(nic => isBefore(nic) && !known.some(one => hasOtherName(one) && isSame(nic, one)));
  return { lost: lost.map(nic => ({ ...nic, linkState: 'down' })), early };
}

function byName(nics: readonly HostNic[]): ReadonlyMap<string, HostNic> {
  return new Map(nics.map(nic => [nic.interfaceName, nic]));
}

/** As long as it is not known what pods hold, they may hold everything; which point-to-point subnets belong together only networks say. */
function asHeld(nic: HostNic): AllocatedNic[] {
  return addressesOf(nic).map(({ net }) => {
    const netAddress = formatCidr(isPointToPoint(net) ? { ...net, base: 0n, prefix: 0 } : net);
    return { master: nic.interfaceName, netAddress, addresses: [] };
  });
}

function isBeforeHeld(nic: HostNic, held: readonly AllocatedNic[]): boolean {
  const subnets = addressesOf(nic);
  return held.some(({ master, netAddress }) => {
    if (master === undefined || compareNaturally(master, nic.interfaceName) <= 0) return false;
    const shared = tryParseCidr(netAddress);
    return shared !== undefined && subnets.some(({ net }) => isPlaceIn(shared, net));
  });
}

/** Whether a NIC in the subnet counts among those of the shared one: it is the same, or a point-to-point subnet in it. */
function isPlaceIn(shared: IpCidr, net: IpCidr): boolean {
  return compareCidrs(shared, net) === 0 || (isPointToPoint(net) && covers(shared, net));
}

/** Whatever their names. VLANs on a NIC have its hardware address, too, but are in other subnets. */
function isSame(nic: HostNic, other: HostNic): boolean {
  if (nic.hostIP !== undefined && nic.hostIP === other.hostIP) return true;
  if (nic.mac === undefined || nic.mac !== other.mac) return false;
  const subnets = addressesOf(other);
  return addressesOf(nic).some(({ net }) => subnets.some(each => isAlike(net, each.net)));
}

/** Which point-to-point subnets belong together only networks say. */
function isAlike(net: IpCidr, other: IpCidr): boolean {
  return compareCidrs(net, other) === 0 || (isPointToPoint(net) && isPointToPoint(other));
}

export const placesConditionType = 'NicsInPlace';

/** Whether exactly the NICs that count are offered. */
export function placesCondition({ lost, early }: NicPlaces): ConditionState {
  const type = placesConditionType;
  if (lost.length === 0 && early.length === 0) {
    return { type, status: 'True', reason: 'AllOffered', message: 'Every NIC that the host has is offered' };
  }
  const until = 'until no pod holds addresses on NICs behind it in its subnet';
  const message = [
    ...lost.map(({ interfaceName }) => `${interfaceName} is gone, or has no address, and keeps its place ${until}`),
    ...early.map(({ interfaceName }) => `${interfaceName} is new and not offered ${until}`),
  ].join('; ');
  return { type, status: 'False', reason: 'PlacesHeld', message };
}
