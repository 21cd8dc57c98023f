import type { InterfaceIndex } from '../../core/api/types.ts';
import { layoutsOf } from '../../core/layout/hostBlocks.ts';
import { assignInterfaceIndexes, type NicPosition } from '../../core/layout/interfaceIndex.ts';
import type { Network } from '../../core/network/network.ts';

/** The interface indexes to store, and the NIC positions that none is left for. */
export interface InterfacesPlan {
  interfaces: InterfaceIndex[];
  unassigned: NicPosition[];
}

/**
 * Plans the interface indexes of one network. Once given, an index stays with its position, also while no host has such a NIC; one
 * outside the layout (after a change of interfaceBlock) has no block and is given up. A network without addresses of its own keeps what
 * it has and gets nothing new.
 */
export function planInterfaces(
  network: Network,
  stored: readonly InterfaceIndex[],
  positions: readonly NicPosition[],
): InterfacesPlan {
  if (!network.ownAddresses) return { interfaces: [...stored], unassigned: [] };
  const layouts = layoutsOf(network);
  const limit = layouts.length > 0 ? 2 ** network.ipam.interfaceBlock : Infinity;
  return assignInterfaceIndexes(
    stored.filter(({ index }) => index < limit),
    positions,
    layouts,
  );
}
