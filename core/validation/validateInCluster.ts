import type { HostInterfaceSpec, HostNic, MultiNicNetwork } from '../api/types.ts';
import { type NicPosition, positionKey } from '../layout/interfaceIndex.ts';
import { capacityOf, hostSubnetLayout, usableCount } from '../layout/layout.ts';
import { addressesOf, type Membership, membersOf } from '../layout/members.ts';
import { formatAddress, type IpAddress } from '../net/address.ts';
import { contains, covers, formatCidr, type IpCidr, overlap, tryParseCidr } from '../net/cidr.ts';
import { error, type Finding, warning } from '../network/finding.ts';
import { multiNicIpam } from '../network/ipam.ts';
import type { Network } from '../network/network.ts';
import { shareHostSubnets } from '../network/sharedRange.ts';
import { cidrsOf, type Draft, draftLayouts, membershipOf, readDraft } from './draft.ts';
import { checkDevices } from './validateDevices.ts';
import { checkPositions, leastAddresses } from './validateLayout.ts';
import { checkMtus } from './validateMtus.ts';
import { checkNeighbours, hintAtRails } from './validateRails.ts';
import { checkSharing } from './validateSharing.ts';
import { checkUsedAddresses, type UsedAddress } from './validateUsedAddresses.ts';

/** What the rules that look at other objects need to know. */
export interface ClusterFacts {
  /** All networks that can be read; the one that is checked may be among them. */
  networks: readonly Network[];
  hosts: readonly HostInterfaceSpec[];
  usedAddresses: readonly UsedAddress[];
  namespaceExists(name: string): boolean;
  /** How many DeviceClasses there are. */
  deviceClasses: number;
}

/** What a specification collides with, lacks or overlooks in the cluster as it is now. */
export function validateInCluster(object: MultiNicNetwork, facts: ClusterFacts): Finding[] {
  const draft = readDraft(object);
  return [
    ...checkNetworks(draft, facts.networks),
    ...checkSharedHostSubnets(draft, facts),
    ...checkHostSubnets(draft, facts.hosts),
    ...checkUsedAddresses(draft, facts.usedAddresses, facts.hosts),
    ...checkMembers(draft, facts.hosts),
    ...checkNeighbours(draft, facts.hosts),
    ...checkSharing(draft, facts.networks, facts.hosts),
    ...checkMtus(draft, facts.hosts),
    ...checkDevices(draft, facts.networks),
    ...checkNamespaces(draft, facts),
    ...checkClasses(draft, facts),
  ];
}

function checkNetworks({ name, ownAddresses, subnets }: Draft, networks: readonly Network[]): Finding[] {
  if (!ownAddresses) return [];
  return networks.flatMap(other => {
    if (other.name === name || other.ipam.type !== multiNicIpam) return [];
    return subnets.flatMap(({ path, text, cidr }) =>
      other.subnets
        .filter(theirs => cidr && overlap(cidr, theirs))
        .map(theirs => error('MNN_OVERLAP', path, `${text} overlaps ${formatCidr(theirs)} of network ${other.name}`)),
    );
  });
}

/** Without a pod subnet pods get addresses of the host subnets, which no other network may give out, too. */
function checkSharedHostSubnets(draft: Draft, { networks, hosts }: ClusterFacts): Finding[] {
  if (!draft.ownAddresses) return [];
  const excludes = cidrsOf(draft.excludes);
  const own = { subnets: cidrsOf(draft.subnets), ...membershipOf(draft) };
  const others = networks.filter(
    ({ name, ownAddresses, subnets }) =>
      name !== draft.name && ownAddresses && (draft.subnets.length === 0 || subnets.length === 0),
  );
  if (others.length === 0) return [];
  // There may be hundreds of networks, and thousands of hosts.
  const nics = nicsInOtherSubnets(hosts);
  const ours = rangesOf(own, nics);
  return others.flatMap(other => {
    const theirs = rangesOf(other, nics);
    const both = ours.flatMap(range =>
      theirs.filter(their => overlap(range, their)).map(their => (range.prefix > their.prefix ? range : their)),
    );
    const shared = both.find(range => usableCount(range, [...excludes, ...other.excludes]) > 0n);
    if (!shared && !shareHostSubnets({ ...own, excludes }, other)) return [];
    const what = shared ? `${formatCidr(shared)}, too` : 'the same host subnets';
    return [error('MNN_OVERLAP', 'spec.subnet', `network ${other.name} gives out ${what}`)];
  });
}

/** Of all hosts' NICs one in each host subnet, or in each set of them. */
function nicsInOtherSubnets(hosts: readonly HostInterfaceSpec[]): HostNic[] {
  const bySubnets = new Map<string, HostNic>();
  for (const { interfaces } of hosts) {
    for (const nic of interfaces) {
      const more = nic.addresses?.map(({ netAddress }) => netAddress) ?? [];
      bySubnets.set([nic.netAddress ?? '', ...more].join(), nic);
    }
  }
  return [...bySubnets.values()];
}

/** What a network gives out addresses of. */
function rangesOf({ subnets, ...membership }: Pick<Network, 'subnets' | keyof Membership>, nics: HostNic[]): IpCidr[] {
  if (subnets.length > 0) return [...subnets];
  const members = membersOf(membership, { hostName: '', interfaces: nics });
  const found = new Set(members.map(({ netAddress }) => netAddress));
  return [...found].flatMap(netAddress => tryParseCidr(netAddress) ?? []);
}

/**
 * A routed pod subnet must not hold a host's. In L2 a part of a host subnet may be set aside for pods, as long as no host has an address
 * there that could be given to a pod.
 */
function checkHostSubnets(draft: Draft, hosts: readonly HostInterfaceSpec[]): Finding[] {
  if (!draft.ownAddresses) return [];
  const clashes = new Map<string, { finding: Finding; more: number }>();
  for (const { hostName, interfaces } of hosts) {
    for (const nic of interfaces) {
      for (const { net, address } of addressesOf(nic)) {
        const finding = hostSubnetClash(draft, net, address, `${nic.interfaceName} of host ${hostName}`);
        if (!finding) continue;
        const key = `${finding.severity} ${formatCidr(net)}`;
        const seen = clashes.get(key);
        if (seen) seen.more++;
        else clashes.set(key, { finding, more: 0 });
      }
    }
  }
  return [...clashes.values()].map(({ finding, more }) =>
    more === 0 ? finding : { ...finding, detail: `${finding.detail}, and ${more} more` },
  );
}

function hostSubnetClash(
  draft: Draft,
  net: IpCidr,
  address: IpAddress | undefined,
  whose: string,
): Finding | undefined {
  const subnet = draft.subnets.find(({ cidr }) => cidr && overlap(cidr, net));
  if (!subnet?.cidr) return undefined;
  const { path, text, cidr } = subnet;
  if (draft.l3) return error('MNN_OVERLAP', path, `${text} overlaps the host subnet ${formatCidr(net)} (${whose})`);
  const isGivenOut =
    address && contains(cidr, address) && !cidrsOf(draft.excludes).some(exclude => contains(exclude, address));
  if (isGivenOut) {
    return error('MNN_OVERLAP', path, `${text} holds ${formatAddress(address)}, the address of ${whose}`);
  }
  return warning('MNN_OVERLAP', path, `${text} overlaps the host subnet ${formatCidr(net)} (${whose})`);
}

function checkMembers(draft: Draft, hosts: readonly HostInterfaceSpec[]): Finding[] {
  // Before the first agent reports, nothing can be said.
  if (hosts.length === 0) return [];
  const positions = new Map<string, NicPosition>();
  let memberHosts = 0;
  for (const host of hosts) {
    const members = membersOf(membershipOf(draft), host);
    if (members.length > 0) memberHosts++;
    for (const member of members) positions.set(positionKey(member), member);
  }
  const found = [...positions.values()];
  return [
    ...checkMasterNets(draft, found),
    ...checkPositions(draftLayouts(draft), found, 'over all hosts there are').map(each => hintAtRails(each, found)),
    ...checkHostCount(draft, memberHosts),
    ...checkHostBlocks(draft, found),
  ];
}

function checkMasterNets({ masterNets }: Draft, found: readonly NicPosition[]): Finding[] {
  const nets = found.flatMap(({ netAddress }) => tryParseCidr(netAddress) ?? []);
  if (masterNets.length === 0 && nets.length === 0) {
    return [warning('MNN_NO_MEMBERS', 'spec.masterNets', 'is empty, and no host has a NIC that could belong')];
  }
  return masterNets
    .filter(({ cidr }) => cidr && !nets.some(net => covers(cidr, net)))
    .map(({ path, text }) => warning('MNN_NO_MEMBERS', path, `no host has a NIC in ${text}`));
}

function checkHostCount({ ownAddresses, ipam }: Draft, memberHosts: number): Finding[] {
  if (!ipam || !ownAddresses || ipam.hostBlock === 0 || memberHosts <= 2 ** ipam.hostBlock) return [];
  const room = 2 ** ipam.hostBlock;
  const detail = `hostBlock ${ipam.hostBlock} has room for 2^${ipam.hostBlock} = ${room} hosts, but ${memberHosts} have a NIC of the network`;
  return [error('MNN_CAPACITY', 'spec.ipam', detail)];
}

/** Without a pod subnet the host subnets themselves are cut into blocks. */
function checkHostBlocks({ ownAddresses, ipam, subnets }: Draft, found: readonly NicPosition[]): Finding[] {
  if (!ipam || !ownAddresses || subnets.length > 0) return [];
  return [...new Set(found.map(({ netAddress }) => netAddress))].flatMap(netAddress => {
    const net = tryParseCidr(netAddress);
    if (!net) return [];
    const { addressesPerBlock } = capacityOf(hostSubnetLayout(net, ipam.hostBlock, []));
    if (addressesPerBlock >= leastAddresses) return [];
    const detail = `hostBlock ${ipam.hostBlock} cuts the host subnet ${netAddress} into blocks of ${addressesPerBlock} usable addresses`;
    return [(addressesPerBlock === 0n ? error : warning)('MNN_CAPACITY', 'spec.ipam', detail)];
  });
}

function checkNamespaces({ spec }: Draft, facts: ClusterFacts): Finding[] {
  return (spec.namespaces ?? []).flatMap((name, i) => {
    if (facts.namespaceExists(name)) return [];
    return [warning('MNN_NAMESPACE_UNKNOWN', `spec.namespaces[${i}]`, `there is no namespace "${name}" yet`)];
  });
}

function checkClasses({ spec }: Draft, { deviceClasses }: ClusterFacts): Finding[] {
  if (spec.attachPolicy?.strategy !== 'devClass' || deviceClasses > 0) return [];
  return [warning('MNN_CLASS_UNKNOWN', 'spec.attachPolicy.strategy', 'is devClass, but there is no DeviceClass yet')];
}
