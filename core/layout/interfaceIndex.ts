import type { InterfaceIndex } from '../api/types.ts';
import { isExcluded, type Layout, vlanCidr } from './layout.ts';

/** A NIC position that wants an index: which host subnet, and the n-th NIC of a host in it. */
export type NicPosition = Pick<InterfaceIndex, 'netAddress' | 'ordinal'>;

/**
 * Gives every position an interface index: those that have one keep it; new ones get the lowest free index whose vlanCIDR no
 * exclude covers. Without layouts (no pod subnet) indexes only number the positions.
 * @param wanted in the order in which new indexes are given
 * @returns the indexes, by index, and the positions that found none
 */
export function assignInterfaceIndexes(
  existing: readonly InterfaceIndex[],
  wanted: readonly NicPosition[],
  layouts: readonly Layout[],
): { interfaces: InterfaceIndex[]; unassigned: NicPosition[] } {
  const interfaces = [...existing];
  const unassigned: NicPosition[] = [];
  const used = new Set(existing.map(entry => entry.index));
  for (const position of wanted) {
    if (indexOf(interfaces, position) !== undefined) continue;
    const index = lowestFree(used, layouts);
    if (index === undefined) {
      unassigned.push(position);
      continue;
    }
    used.add(index);
    interfaces.push({ index, netAddress: position.netAddress, ordinal: position.ordinal });
  }
  return { interfaces: interfaces.sort((a, b) => a.index - b.index), unassigned };
}

/** The index of a position; undefined where it has none yet. */
export function indexOf(interfaces: readonly InterfaceIndex[], position: NicPosition): number | undefined {
  return interfaces.find(entry => isSamePosition(entry, position))?.index;
}

/** Whether both are the n-th NIC in the same host subnet. */
export function isSamePosition(one: NicPosition, other: NicPosition): boolean {
  return one.netAddress === other.netAddress && one.ordinal === other.ordinal;
}

/** The same text for the same position. */
export function positionKey({ netAddress, ordinal }: NicPosition): string {
  return `${netAddress} ${ordinal}`;
}

function lowestFree(used: ReadonlySet<number>, layouts: readonly Layout[]): number | undefined {
  const limit = layouts.reduce((least, { interfaceBits }) => Math.min(least, 2 ** interfaceBits), 2 ** 16);
  for (let index = 0; index < limit; index++) {
    if (used.has(index)) continue;
    const usable = layouts.every(layout => {
      const block = vlanCidr(layout, index);
      return block !== undefined && !isExcluded(layout, block);
    });
    if (usable) return index;
  }
  return undefined;
}
