import { MultiNicError } from '../errors.ts';
import { foldedKey } from '../json.ts';
import { formatInterface } from '../net/interfaceAddress.ts';
import { givesAddresses, hostDeviceIpam, type Ipam, multiConfigIpam, multiNicIpam } from '../network/ipam.ts';
import type { Network } from '../network/network.ts';

/** Where the addresses of one NIC come from: known already, or from an IPAM plugin with this configuration. */
export type NicIpam =
  | { readonly kind: 'given'; readonly addresses: readonly string[] }
  | { readonly kind: 'plugin'; readonly section: Record<string, unknown> };

export interface IpamNic {
  /** The host's NIC. */
  readonly master: string;
  /** What our own pools granted, or the host's own addresses of the NIC with their prefix lengths. */
  readonly addresses: readonly string[];
  /** Addresses that the pod asked for on this NIC. */
  readonly wanted: readonly string[];
}

/**
 * How the NIC gets its addresses. Routes for all NICs are left out of the section: each plugin would make the same one, so the agent makes all of
 * them together. Those of a section of its own are the NIC's alone.
 * @throws MultiNicError MNN_NODE_LACKS where a multi-config IPAM says nothing of the NIC, MNN_CIDR_INVALID
 */
export function nicIpam({ name, ipam }: Pick<Network, 'name' | 'ipam'>, nic: IpamNic): NicIpam {
  if (!givesAddresses(ipam)) return { kind: 'given', addresses: [] };
  switch (ipam.type) {
    case multiNicIpam:
    case hostDeviceIpam:
      return { kind: 'given', addresses: nic.addresses };
    case multiConfigIpam:
      return multiConfig(name, ipam, nic);
    default:
      return { kind: 'plugin', section: withoutRoutes(ipam.raw) };
  }
}

/** The NICs that a multi-config IPAM has sections for, in their order; undefined for any other IPAM. */
export function configuredMasters({ ipam }: Pick<Network, 'ipam'>): string[] | undefined {
  return ipam.type === multiConfigIpam ? Object.keys(sections(ipam)) : undefined;
}

function multiConfig(network: string, ipam: Ipam, { master, wanted }: IpamNic): NicIpam {
  if (wanted.length > 0) return { kind: 'given', addresses: wanted.map(formatInterface) };
  const section = sections(ipam)[master];
  if (!section) {
    throw new MultiNicError(
      'MNN_NODE_LACKS',
      `network ${network}: spec.ipam.args has no entry for the NIC ${master} (it has ${Object.keys(sections(ipam)).join(', ') || 'none'})`,
    );
  }
  const { ipam_type: type } = ipam.raw;
  // whereabouts keeps ranges apart by network_name: two NICs with the same range are two networks.
  const named = type === 'whereabouts' ? { network_name: master } : {};
  return { kind: 'plugin', section: { type, ...named, ...section } };
}

function sections(ipam: Ipam): Record<string, Record<string, unknown>> {
  const { args } = ipam.raw;
  return typeof args === 'object' && args !== null ? (args as Record<string, Record<string, unknown>>) : {};
}

function withoutRoutes(section: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(section).filter(([key]) => foldedKey(key) !== 'routes'));
}
