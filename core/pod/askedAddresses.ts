import { MultiNicError } from '../errors.ts';
import { contains } from '../net/cidr.ts';
import { tryAddressOf } from '../net/interfaceAddress.ts';
import { givesAddresses, multiConfigIpam } from '../network/ipam.ts';
import type { Network } from '../network/network.ts';

interface Asked {
  readonly ips: readonly string[];
  readonly gateways: readonly string[];
}

/**
 * Refuses what a pod must not ask for in the network.
 * @throws MultiNicError MNN_NO_ADDRESSES, MNN_ADDRESS_OUTSIDE
 */
export function checkAskedAddresses(
  network: Pick<Network, 'name' | 'ipam' | 'spec' | 'subnets'>,
  { ips, gateways }: Asked,
): void {
  if (!givesAddresses(network.ipam)) refuseAny(network.name, { ips, gateways });
  if (network.spec.plugin.type === 'ptp' && takesAnyAddress(network)) refuseOutside(network, ips);
}

/** A plugin that is given `ips` must use them or fail (CONVENTIONS.md of CNI), and without an address no gateway can be reached. */
function refuseAny(network: string, { ips, gateways }: Asked): void {
  const [first] = [...ips.map(ip => `ips ${ip}`), ...gateways.map(gateway => `default-route ${gateway}`)];
  if (first === undefined) return;
  const detail = `the pod asks for ${first} in network ${network}, whose interfaces get no addresses`;
  throw new MultiNicError('MNN_NO_ADDRESSES', detail);
}

/** Whether pods get the addresses that they name: of other IPAM plugins only those of their ranges. */
function takesAnyAddress({ ipam }: Pick<Network, 'ipam'>): boolean {
  return ipam.type === multiConfigIpam || ipam.type === 'static';
}

/** The host sends whatever is for the address of such a pod into the pod: that must not be the API server's address. */
function refuseOutside({ name, subnets }: Pick<Network, 'name' | 'subnets'>, ips: readonly string[]): void {
  const strange = ips.find(ip => {
    const address = tryAddressOf(ip);
    return !address || !subnets.some(subnet => contains(subnet, address));
  });
  if (strange === undefined) return;
  const detail = `the pod asks for ${strange} in network ${name} of type ptp, which is not in its spec.subnet`;
  throw new MultiNicError('MNN_ADDRESS_OUTSIDE', detail);
}
