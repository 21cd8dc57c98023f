import { MultiNicError } from '../errors.ts';
import { givesAddresses } from '../network/ipam.ts';
import type { Network } from '../network/network.ts';

/**
 * Refuses addresses and gateways that a pod asks for in a network whose interfaces have no addresses: a plugin that is given `ips` must use
 * them or fail (CONVENTIONS.md of CNI), and without an address no gateway can be reached.
 * @throws MultiNicError MNN_NO_ADDRESSES
 */
export function checkAskedAddresses(
  { name, ipam }: Pick<Network, 'name' | 'ipam'>,
  { ips, gateways }: { readonly ips: readonly string[]; readonly gateways: readonly string[] },
): void {
  const [first] = [...ips.map(ip => `ips ${ip}`), ...gateways.map(gateway => `default-route ${gateway}`)];
  if (givesAddresses(ipam) || first === undefined) return;
  const detail = `the pod asks for ${first} in network ${name}, whose interfaces get no addresses`;
  throw new MultiNicError('MNN_NO_ADDRESSES', detail);
}
