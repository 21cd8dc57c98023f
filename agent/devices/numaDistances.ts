import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nearOrFar } from '../../core/selection/topology.ts';
import type { NumaDistance } from '../../core/selection/types.ts';
import { orUndefined } from '../base/systemErrors.ts';

/**
 * The kernel's table of distances between NUMA nodes (Documentation/ABI/stable/sysfs-devices-node: each node's `distance` has one number
 * for each node that is online, in order of their numbers). Where there is none, a node is near to itself only.
 * @param sysfs for example /sys
 */
export async function readNumaDistances(sysfs: string): Promise<NumaDistance> {
  const folder = join(sysfs, 'devices/system/node');
  const names = (await orUndefined(readdir(folder))) ?? [];
  const nodes = names.flatMap(name => /^node(\d+)$/.exec(name)?.[1] ?? []).map(Number);
  nodes.sort((a, b) => a - b);
  const rows = await Promise.all(
    nodes.map(async (node): Promise<[number, number[]]> => {
      const text = (await orUndefined(readFile(join(folder, `node${node}`, 'distance'), 'utf8'))) ?? '';
      return [node, text.trim().split(/\s+/).map(Number)];
    }),
  );
  const table = new Map(rows);
  return (nic, device) => table.get(nic)?.[nodes.indexOf(device)] ?? nearOrFar(nic, device);
}
