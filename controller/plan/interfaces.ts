import type { InterfaceIndex } from '../../core/api/types.ts';
import { layoutsOf } from '../../core/layout/hostBlocks.ts';
import { assignInterfaceIndexes, isSamePosition, type NicPosition } from '../../core/layout/interfaceIndex.ts';
import type { Network } from '../../core/network/network.ts';
import { secondsOf } from '../../core/status/condition.ts';

/** The interface indexes to store, and the NIC positions that none is left for. */
export interface InterfacesPlan {
  interfaces: InterfaceIndex[];
  unassigned: NicPosition[];
}

export interface InterfacesInput {
  network: Network;
  stored: readonly InterfaceIndex[];
  /** What the hosts have, in the order in which new indexes are given. */
  positions: readonly NicPosition[];
  now: Date;
  /** Indexes that may be given to other positions, unless some host has their NICs. */
  free?: ReadonlySet<number>;
}

const none: ReadonlySet<number> = new Set();

/**
 * Plans the interface indexes of one network. Once given, an index stays with its position until it is said to be free, even while no host has
 * such a NIC, since when is noted; one outside the layout (after a change of interfaceBlock) has no block and is given up. A
 * network without addresses of its own keeps what it has and gets nothing new.
 */
export function planInterfaces({ network, stored, positions, now, free = none }: InterfacesInput): InterfacesPlan {
  if (!network.ownAddresses) return { interfaces: [...stored], unassigned: [] };
  const layouts = layoutsOf(network);
  const limit = layouts.length > 0 ? 2 ** network.ipam.interfaceBlock : Infinity;
  const isThere = (entry: NicPosition): boolean => positions.some(position => isSamePosition(entry, position));
  const kept = stored.filter(entry => entry.index < limit && (!free.has(entry.index) || isThere(entry)));
  const { interfaces, unassigned } = assignInterfaceIndexes(kept, positions, layouts);
  const marked = interfaces.map(({ goneSince = secondsOf(now), ...entry }) =>
    isThere(entry) ? entry : { ...entry, goneSince },
  );
  return { interfaces: marked, unassigned };
}
