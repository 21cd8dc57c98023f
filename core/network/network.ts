import type { MultiNicNetwork, MultiNicNetworkSpec } from '../api/types.ts';
import { isMultiNicError, MultiNicError } from '../errors.ts';
import { type IpCidr, parseCidr, tryParseCidr } from '../net/cidr.ts';
import { usesDevicePlugin } from './deviceResource.ts';
import { type Ipam, isRouted, multiNicIpam, parseIpam } from './ipam.ts';

/** A MultiNicNetwork once read: what every part works with instead of the raw spec. */
export interface Network {
  name: string;
  uid: string;
  /** Of its specification; undefined where it was not read from an API server. */
  generation: number | undefined;
  /** Pod subnets, at most one a family; empty: blocks come from the host subnets. */
  subnets: IpCidr[];
  masterNets: IpCidr[];
  ipam: Ipam;
  excludes: IpCidr[];
  /** Gateways of its routes, each as a network of one address: routers have them, so no pod gets one unasked. */
  gateways: IpCidr[];
  /** Addresses come from our own pools (ipam.type multi-nic-ipam). */
  ownAddresses: boolean;
  /** Pods get addresses of the host subnets: they are ours to give, and there is no pod subnet. */
  fromHosts: boolean;
  /** Each host's block is routed to it. */
  l3: boolean;
  /** Addresses do not depend on the node (hostBlock 0): granted at the pod's creation where a subnet is given. */
  nodeIndependent: boolean;
  /** A device plugin hands out the NICs. */
  handedOut: boolean;
  /** NICs and their addresses are chosen on the node, by what the kubelet has assigned to the pod: the NICs themselves, or devices that they are to be near. */
  onNode: boolean;
  spec: MultiNicNetworkSpec;
}

/**
 * Reads a MultiNicNetwork that the validating webhook would accept.
 * @throws MultiNicError MNN_IPAM_SYNTAX, MNN_IPAM_INVALID, MNN_CIDR_INVALID
 */
export function readNetwork(object: MultiNicNetwork): Network {
  const { spec, metadata } = object;
  const { ipam, findings } = parseIpam(spec.ipam);
  const handedOut = usesDevicePlugin(spec.plugin);
  const [first] = findings;
  const subnets = splitSubnets(spec.subnet).map(parseCidr);
  if (!ipam)
    throw new MultiNicError(
      first?.code ?? 'MNN_IPAM_INVALID',
      first ? `${first.path}: ${first.detail}` : 'spec.ipam is unusable',
    );
  return {
    name: metadata.name,
    uid: metadata.uid ?? '',
    generation: metadata.generation,
    subnets,
    masterNets: (spec.masterNets ?? []).map(parseCidr),
    ipam,
    excludes: ipam.excludeCIDRs.flatMap(text => parseExclude(text) ?? []),
    gateways: ipam.routes.flatMap(({ gw }) => (gw === undefined ? [] : (parseExclude(gw) ?? []))),
    ownAddresses: ipam.type === multiNicIpam,
    fromHosts: ipam.type === multiNicIpam && subnets.length === 0,
    l3: isRouted(ipam),
    nodeIndependent: ipam.type === multiNicIpam && ipam.hostBlock === 0,
    handedOut,
    onNode: handedOut || spec.attachPolicy?.strategy === 'topology',
    spec,
  };
}

/** As readNetwork, but undefined if it cannot be read, as no webhook checked it when it was stored: its status says so. */
export function tryReadNetwork(object: MultiNicNetwork): Network | undefined {
  try {
    return readNetwork(object);
  } catch (error) {
    if (isMultiNicError(error)) return undefined;
    throw error;
  }
}

/** `spec.subnet` may name one network of each family with a comma between. */
export function splitSubnets(subnet: string | undefined): string[] {
  return (subnet ?? '')
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '');
}

/** An entry of excludeCIDRs: a network, or one address. */
export function parseExclude(text: string): IpCidr | undefined {
  if (text.includes('/')) return tryParseCidr(text);
  return tryParseCidr(`${text}/${text.includes(':') ? 128 : 32}`);
}

/** Whether pods of the namespace may use the network. */
export function appliesTo(spec: MultiNicNetworkSpec, namespace: string): boolean {
  const { namespaces } = spec;
  return namespaces === undefined || namespaces.length === 0 || namespaces.includes(namespace);
}
