import type { DevicePlacement } from '../../core/selection/types.ts';
import type { AssignedDevice } from '../devices/assignedDevice.ts';
import { readDeviceNic, readNumaNode } from '../devices/deviceNic.ts';
import { readNumaDistances } from '../devices/numaDistances.ts';

/**
 * Where the devices are that the pod's NICs should be near: everything that device plugins gave it except NICs, usually GPUs. A device is on the
 * NUMA nodes that its plugin states, else on the one that the kernel knows for its PCI address.
 * @param sysfs for example /sys
 */
export async function devicePlacement(assigned: readonly AssignedDevice[], sysfs: string): Promise<DevicePlacement> {
  const nodes = await Promise.all(assigned.map(device => nodesOf(device, sysfs)));
  return { numaNodes: nodes.flat(), distance: await readNumaDistances(sysfs) };
}

async function nodesOf({ id, numaNodes }: AssignedDevice, sysfs: string): Promise<readonly number[]> {
  if (await readDeviceNic(sysfs, id)) return [];
  if (numaNodes.length > 0) return numaNodes;
  const node = await readNumaNode(sysfs, id);
  return node === undefined ? [] : [node];
}
