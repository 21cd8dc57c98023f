import type { MultiNicNetwork, MultiNicNetworkSpec } from '../api/types.ts';
import type { Layout } from '../layout/layout.ts';
import type { Membership } from '../layout/members.ts';
import { type IpCidr, tryParseCidr } from '../net/cidr.ts';
import { tryAddressOf } from '../net/interfaceAddress.ts';
import type { Finding } from '../network/finding.ts';
import { type Ipam, isRouted, multiNicIpam, parseIpam } from '../network/ipam.ts';
import { parseExclude, splitSubnets } from '../network/network.ts';

/** A network of a specification that is being checked: what could be read of it, with the place it came from. */
export interface DraftCidr {
  path: string;
  text: string;
  /** Undefined where the text is no network. */
  cidr: IpCidr | undefined;
}

/** A specification that is being checked, as far as it could be read. */
export interface Draft {
  name: string;
  spec: MultiNicNetworkSpec;
  /** Undefined where spec.ipam could not be read; ipamFindings says why. */
  ipam: Ipam | undefined;
  ipamFindings: Finding[];
  subnets: DraftCidr[];
  masterNets: DraftCidr[];
  excludes: DraftCidr[];
  /** Addresses come from our own pools. */
  ownAddresses: boolean;
  /** Pods get addresses of the host subnets. */
  fromHosts: boolean;
  l3: boolean;
}

/** Reads what can be read, so that one mistake does not hide the others. */
export function readDraft({ metadata, spec }: MultiNicNetwork): Draft {
  const { ipam, findings } = parseIpam(spec.ipam);
  const ownAddresses = ipam?.type === multiNicIpam;
  return {
    name: metadata.name,
    spec,
    ipam,
    ipamFindings: findings,
    subnets: splitSubnets(spec.subnet).map(text => ({ path: 'spec.subnet', text, cidr: tryParseCidr(text) })),
    masterNets: (spec.masterNets ?? []).map((text, i) => ({
      path: `spec.masterNets[${i}]`,
      text,
      cidr: tryParseCidr(text),
    })),
    excludes: (ipam?.excludeCIDRs ?? []).map(text => ({ path: 'spec.ipam', text, cidr: parseExclude(text) })),
    ownAddresses,
    fromHosts: ownAddresses && splitSubnets(spec.subnet).length === 0,
    l3: ipam !== undefined && isRouted(ipam),
  };
}

/** The networks that could be read. */
export function cidrsOf(drafts: readonly DraftCidr[]): IpCidr[] {
  return drafts.flatMap(({ cidr }) => cidr ?? []);
}

/** What decides which NICs are members, as far as it could be read. */
export function membershipOf({ masterNets, fromHosts }: Draft): Membership {
  return { masterNets: cidrsOf(masterNets), fromHosts };
}

/** The layouts of the pod subnets that could be read; none where addresses are not ours, or come from the host subnets. */
export function draftLayouts({ ipam, ownAddresses, subnets, excludes }: Draft): Layout[] {
  if (!ipam || !ownAddresses) return [];
  return cidrsOf(subnets).map(subnet => ({
    subnet,
    interfaceBits: ipam.interfaceBlock,
    hostBits: ipam.hostBlock,
    excludes: cidrsOf(excludes),
  }));
}

/** Whether bits are set behind the prefix. */
export function hasHostBits({ text, cidr }: DraftCidr): boolean {
  const address = tryAddressOf(text);
  return cidr !== undefined && address !== undefined && address.value !== cidr.base;
}
