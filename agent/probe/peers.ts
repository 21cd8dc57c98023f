import type { HostInterface, HostNic } from '../../core/api/types.ts';
import { delegateType } from '../../core/delegate/delegateConf.ts';
import { mixedHash32 } from '../../core/hash.ts';
import { type NicPosition, positionKey } from '../../core/layout/interfaceIndex.ts';
import { isUp, type Member, type Membership, membersKey, membersOf, sharedNet } from '../../core/layout/members.ts';
import { formatAddress } from '../../core/net/address.ts';
import { covers, formatCidr, type IpCidr, tryParseCidr } from '../../core/net/cidr.ts';
import { isPointToPoint } from '../../core/net/pointToPoint.ts';
import type { Network } from '../../core/network/network.ts';
import { nicUse } from '../../core/network/nicUse.ts';

/** A NIC of another host that one of our NICs should reach. */
export interface Peer {
  readonly host: string;
  /** Its address in the subnet. */
  readonly address: string;
}

/** A NIC of this node in one of its subnets, and its counterparts there: the next hosts of the ring first; at least one. */
export interface ProbedNic {
  readonly nic: string;
  /** The host subnet, without host bits; of point-to-point subnets the entry of masterNets that they lie in. */
  readonly subnet: string;
  /** On a rail: a router leads to them. */
  readonly behindRouter?: true;
  readonly peers: readonly Peer[];
}

type ProbedNetwork = Membership & Pick<Network, 'spec' | 'ipam'>;

/** How many of the next hosts are considered for each NIC: more than are asked, as on some its link is down. */
const nextHosts = 16;

/**
 * The NICs that are to be probed: those of networks that stay on the host, with their counterparts, the NICs at the same position (host subnet,
 * n-th NIC there) of other hosts, which L3 routes lead to.
 *
 * All hosts form a ring, ordered by a hash of their names, so that neighbours in it are seldom of one rack, whose hosts fail together. Each host
 * asks those after it, so every NIC is asked by as many hosts as it asks itself, however many there are. One pass over the hosts; none is copied.
 */
export function probedNics(
  networks: readonly ProbedNetwork[],
  self: HostInterface,
  hosts: Iterable<HostInterface>,
): ProbedNic[] {
  // Membership depends on masterNets alone, which most networks have in common.
  const distinct = [...new Map(networks.map(network => [membersKey(network), network])).values()];
  const moving = networks.filter(movesNics).flatMap(network => membersOf(network, self.spec));
  const leaving = new Set(moving.map(({ nic }) => nic.interfaceName));
  const own = distinct
    .flatMap(network => membersOf(network, self.spec).map(member => ({ network, member })))
    .filter(({ member }) => !leaving.has(member.nic.interfaceName));
  const next = hostsAfter(
    self.metadata.name,
    hosts,
    own.map(({ member }) => member),
  );
  const probed = new Map<string, ProbedNic>();
  for (const { network, member } of own) {
    const counterparts = (next.get(positionKey(member))?.nearest ?? []).flatMap(({ host }) => {
      const other = membersOf(network, host.spec).find(candidate => isCounterpart(candidate, member));
      return other ? [{ host: host.metadata.name, other }] : [];
    });
    const nic = member.nic.interfaceName;
    for (const { subnet, isRail } of subnetsOf(network, member)) {
      const peers = counterparts.flatMap(({ host, other }) => peerIn(network, subnet, host, other));
      if (peers.length > 0)
        probed.set(`${nic} ${subnet}`, { nic, subnet, ...(isRail && { behindRouter: true }), peers });
    }
  }
  return [...probed.values()];
}

/** Whether pods take the network's NICs away from their hosts: such a NIC then answers nobody. */
function movesNics({ spec: { plugin }, ipam }: ProbedNetwork): boolean {
  return delegateType(plugin.type) === 'host-device' || nicUse(plugin, ipam.vlanMode)?.mode === 'passthru';
}

function isCounterpart(other: Member, own: Member): boolean {
  return other.netAddress === own.netAddress && other.ordinal === own.ordinal && isUp(other);
}

function subnetsOf(network: Membership, { hostAddresses }: Member): { subnet: string; isRail: boolean }[] {
  return hostAddresses.flatMap(({ net, address }) => {
    const shared = sharedNet(network, net);
    return address ? [{ subnet: formatCidr(shared), isRail: shared !== net }] : [];
  });
}

function peerIn(network: Membership, subnet: string, host: string, { hostAddresses }: Member): Peer[] {
  const isIn = ({ net, address }: Member['hostAddresses'][number]): boolean =>
    address !== undefined && formatCidr(sharedNet(network, net)) === subnet;
  const found = hostAddresses.find(isIn);
  return found?.address ? [{ host, address: formatAddress(found.address) }] : [];
}

interface Placed {
  readonly host: HostInterface;
  /** How far after this host it stands in the ring. */
  readonly distance: number;
}

/** A NIC position, and the next hosts of the ring that have it. */
interface Nearest extends NicPosition {
  readonly net: IpCidr | undefined;
  readonly nearest: Placed[];
}

/** By positionKey. Here it is enough that a host has so many NICs in the subnet; which of them are members is checked later. */
function hostsAfter(
  self: string,
  hosts: Iterable<HostInterface>,
  positions: readonly NicPosition[],
): ReadonlyMap<string, Nearest> {
  const start = mixedHash32(self);
  const next = new Map(
    positions.map(({ netAddress, ordinal }): [string, Nearest] => [
      positionKey({ netAddress, ordinal }),
      { netAddress, ordinal, net: tryParseCidr(netAddress), nearest: [] },
    ]),
  );
  const forms = new Map<string, Form>();
  for (const host of hosts) {
    const { name } = host.metadata;
    if (name === self) continue;
    let placed: Placed | undefined;
    for (const { nearest, ...position } of next.values()) {
      if (host.spec.interfaces.filter(nic => isIn(nic, position, forms)).length <= position.ordinal) continue;
      placed ??= { host, distance: (mixedHash32(name) - start) >>> 0 };
      insert(nearest, placed);
    }
  }
  return next;
}

/** What a subnet's text says. */
interface Form {
  readonly canonical: string;
  /** Where the subnet is a point-to-point one. */
  readonly pair?: IpCidr;
}

/** @param forms of subnets' texts, collected on the way: hosts are thousands and subnets mostly few, but users write them in other ways than agents */
function isIn(
  { netAddress = '', addresses }: HostNic,
  { netAddress: subnet, net }: Pick<Nearest, 'netAddress' | 'net'>,
  forms: Map<string, Form>,
): boolean {
  const isMeant = (text: string): boolean => {
    if (text === subnet) return true;
    const { canonical, pair } = formOf(text, forms);
    return canonical === subnet || (pair !== undefined && net !== undefined && covers(net, pair));
  };
  return isMeant(netAddress) || (addresses?.some(each => isMeant(each.netAddress)) ?? false);
}

function formOf(text: string, forms: Map<string, Form>): Form {
  const known = forms.get(text);
  if (known) return known;
  const net = tryParseCidr(text);
  const form = { canonical: net ? formatCidr(net) : '', ...(net && isPointToPoint(net) && { pair: net }) };
  forms.set(text, form);
  return form;
}

function insert(nearest: Placed[], placed: Placed): void {
  const at = nearest.findLastIndex(({ distance }) => distance <= placed.distance) + 1;
  if (at === nextHosts) return;
  nearest.splice(at, 0, placed);
  nearest.length = Math.min(nearest.length, nextHosts);
}
