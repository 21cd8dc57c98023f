import type { AllocatedNic } from '../../core/api/types.ts';
import { hostIndexOf } from '../../core/layout/hostBlocks.ts';
import { tryAddressOf } from '../../core/net/interfaceAddress.ts';
import type { Network } from '../../core/network/network.ts';

/** The host index that a node's records tell: that of the first address that is the network's. */
export function heldIndex(network: Network, records: readonly { nics: readonly AllocatedNic[] }[]): number | undefined {
  for (const { nics } of records) {
    for (const { netAddress, addresses } of nics) {
      for (const text of addresses) {
        const address = tryAddressOf(text);
        const index = address && hostIndexOf(network, netAddress, address);
        if (index !== undefined) return index;
      }
    }
  }
  return undefined;
}
