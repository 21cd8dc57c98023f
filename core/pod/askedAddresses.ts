import { MultiNicError } from '../errors.ts';
import { tryParseAddress } from '../net/address.ts';
import { contains, linkLocal, tryParseCidr } from '../net/cidr.ts';
import { tryAddressOf } from '../net/interfaceAddress.ts';
import { givesAddresses, hostDeviceIpam, multiConfigIpam } from '../network/ipam.ts';
import type { Network } from '../network/network.ts';

interface Asked {
  readonly ips: readonly string[];
  readonly gateways: readonly string[];
}

/**
 * Refuses what a pod must not ask for in the network, or would ask for in vain.
 * @throws MultiNicError MNN_NO_ADDRESSES, MNN_CIDR_INVALID, MNN_ADDRESS_OUTSIDE, MNN_GATEWAY_UNREACHABLE
 */
export function checkAskedAddresses(
  network: Pick<Network, 'name' | 'ipam' | 'spec' | 'subnets' | 'ownAddresses' | 'nodeIndependent'>,
  { ips, gateways }: Asked,
): void {
  const { name, ipam, spec, subnets, nodeIndependent } = network;
  if (!givesAddresses(ipam)) refuseAny(name, { ips, gateways }, 'whose interfaces get no addresses');
  if (ipam.type === hostDeviceIpam) {
    refuseAny(name, { ips, gateways: [] }, 'whose pods have the addresses that the host has on the NIC');
  }
  const takesAny = takesAnyAddress(network);
  if (takesAny) refuseBare(name, ips);
  if ((takesAny && spec.plugin.type === 'ptp') || (nodeIndependent && subnets.length > 0)) refuseOutside(network, ips);
  refuseUnreachable(network, gateways);
}

/** A plugin that is given `ips` must use them or fail (CONVENTIONS.md of CNI), and without an address no gateway can be reached. */
function refuseAny(network: string, { ips, gateways }: Asked, why: string): void {
  const [first] = [...ips.map(ip => `ips ${ip}`), ...gateways.map(gateway => `default-route ${gateway}`)];
  if (first === undefined) return;
  throw new MultiNicError('MNN_NO_ADDRESSES', `the pod asks for ${first} in network ${network}, ${why}`);
}

/** Whether pods get the addresses that they name: of other IPAM plugins only those of their ranges. */
function takesAnyAddress({ ipam }: Pick<Network, 'ipam'>): boolean {
  return ipam.type === multiConfigIpam || ipam.type === 'static';
}

/** There nothing else says how long the prefix is. */
function refuseBare(network: string, ips: readonly string[]): void {
  const bare = ips.find(ip => !tryParseCidr(ip));
  if (bare === undefined) return;
  const example = `${bare}/${bare.includes(':') ? 64 : 24}`;
  const detail = `network ${network}: the address ${bare} that the pod asks for needs a prefix length, as in ${example}`;
  throw new MultiNicError('MNN_CIDR_INVALID', detail);
}

/**
 * With type ptp the host sends whatever is for the pod's address into the pod: that must not be the API server's address. And where addresses do not depend
 * on the node, the pod would wait for one that has what no node has.
 */
function refuseOutside({ name, subnets }: Pick<Network, 'name' | 'subnets'>, ips: readonly string[]): void {
  const strange = ips.find(ip => {
    const address = tryAddressOf(ip);
    return !address || !subnets.some(subnet => contains(subnet, address));
  });
  if (strange === undefined) return;
  const detail = `the pod asks for ${strange} in network ${name}, which is not in its spec.subnet`;
  throw new MultiNicError('MNN_ADDRESS_OUTSIDE', detail);
}

/** Of our own addresses it is known what an interface reaches: its subnet, what routes without a gateway lead to, and what is on every link. */
function refuseUnreachable(
  { name, ipam, spec, subnets, ownAddresses }: Pick<Network, 'name' | 'ipam' | 'spec' | 'subnets' | 'ownAddresses'>,
  gateways: readonly string[],
): void {
  if (!ownAddresses || subnets.length === 0) return;
  const onLink = ipam.routes.flatMap(({ dst, gw }) => (gw === undefined ? (tryParseCidr(dst) ?? []) : []));
  const reached = [...subnets, ...onLink, linkLocal];
  const strange = gateways.find(text => {
    const gateway = tryParseAddress(text);
    return gateway && !reached.some(net => contains(net, gateway));
  });
  if (strange === undefined) return;
  const detail = `network ${name}: default-route ${strange} is not in ${spec.subnet ?? ''}`;
  throw new MultiNicError('MNN_GATEWAY_UNREACHABLE', detail);
}
