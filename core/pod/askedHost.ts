import type { InterfaceIndex } from '../api/types.ts';
import { MultiNicError } from '../errors.ts';
import { hostIndexOf } from '../layout/hostBlocks.ts';
import type { IpAddress } from '../net/address.ts';
import { contains, tryParseCidr } from '../net/cidr.ts';
import { tryAddressOf } from '../net/interfaceAddress.ts';
import type { Network } from '../network/network.ts';

/**
 * The host whose blocks have the addresses that a pod asks for, in a network where these depend on the host: it can run nowhere else.
 * Undefined where the pod asks for none, and where no host has a block yet.
 * @param hostIndexes host name → host index in the network
 * @param exists whether there is such a host: one that is gone keeps its index for a while (decision 34)
 * @throws MultiNicError MNN_ADDRESS_OUTSIDE where no host has all of them
 */
export function askedHost(
  { network, interfaces }: { network: Network; interfaces: readonly InterfaceIndex[] },
  ips: readonly string[],
  hostIndexes: ReadonlyMap<string, number>,
  exists: (host: string) => boolean,
): string | undefined {
  if (!network.ownAddresses || network.nodeIndependent || hostIndexes.size === 0 || ips.length === 0) return undefined;
  // Computed once for all addresses: there may be thousands of hosts, and an annotation has room for thousands of addresses.
  const hosts = new Map(Array.from(hostIndexes, ([host, index]) => [index, host]));
  const nets = interfaces.flatMap(({ netAddress, goneSince }) => {
    const net = goneSince === undefined ? tryParseCidr(netAddress) : undefined;
    return net ? [{ netAddress, net }] : [];
  });
  const indexOf = (address: IpAddress): number | undefined =>
    hostIndexOf(network, nets.find(({ net }) => contains(net, address))?.netAddress ?? '', address);
  const found = ips.map(ip => {
    const address = tryAddressOf(ip);
    const host = hosts.get((address && indexOf(address)) ?? -1);
    if (host === undefined || !exists(host))
      throw new MultiNicError('MNN_ADDRESS_OUTSIDE', `network ${network.name}: ${ip} is in no node's block`);
    return { ip, host };
  });
  const [first] = found;
  const other = found.find(({ host }) => host !== first?.host);
  if (first && other) {
    const detail = `network ${network.name}: ${first.ip} is in a block of node ${first.host}, ${other.ip} in one of ${other.host}`;
    throw new MultiNicError('MNN_ADDRESS_OUTSIDE', detail);
  }
  return first?.host;
}
