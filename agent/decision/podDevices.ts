import { MultiNicError } from '../../core/errors.ts';
import type { Network } from '../../core/network/network.ts';
import type { AssignedDevice } from '../devices/assignedDevice.ts';
import { readDeviceNic } from '../devices/deviceNic.ts';

/** A device that a device plugin gave the pod. */
export interface PodDevice {
  readonly deviceID: string;
  /** The host's NIC that it is, or that it is a virtual function of. */
  readonly master: string;
  /** Its own netdev on the host; absent if it has none there. */
  readonly netdev?: string;
}

/** What one attachment wants of the pod's devices. */
export interface DeviceWish {
  /** Resources of the network's devices; empty: any NICs that device plugins gave the pod. */
  readonly resources: readonly string[];
  /** How many; undefined: all that are left for this attachment. */
  readonly count: number | undefined;
  /** PCI address that the runtime handed over. */
  readonly handed: string | undefined;
  /** PCI addresses that other attachments of this pod have. */
  readonly taken: ReadonlySet<string>;
  /** How many devices of the resources the pod's other attachments take, or will take. */
  readonly others: number;
}

/**
 * The devices of a pod that one attachment uses: one of each resource in turn, those of a resource in the order of their assignment. A device
 * that Multus names, as the network's definition tells it to, comes first.
 * @param sysfs for example /sys
 * @throws MultiNicError MNN_DEVICE_MISSING if the named device is not the pod's, nor of the resources, or the network needs one and there is none
 */
export async function podDevices(
  { name, spec }: Pick<Network, 'name' | 'spec'>,
  assigned: readonly AssignedDevice[],
  { resources, count, handed, taken, others }: DeviceWish,
  sysfs: string,
): Promise<PodDevice[]> {
  // The device may have been named by the pod's author, in an annotation or a definition: only the kubelet knows whose it is. And who may request one
  // resource may request any: of another network's, the pod would get a NIC of a network that does not apply to its namespace.
  const usable = inTurn(assigned, resources);
  if (handed !== undefined && !usable.includes(handed)) {
    const detail = `network ${name}: the kubelet has not assigned device ${handed} to the pod, or it is of another network's resource`;
    throw new MultiNicError('MNN_DEVICE_MISSING', detail);
  }
  const ids = [...new Set([...(handed === undefined ? [] : [handed]), ...usable])];
  const found: PodDevice[] = [];
  for (const id of ids) {
    const nic = await readDeviceNic(sysfs, id);
    if (!nic) continue;
    const { master = '', netdev } = nic;
    found.push({ deviceID: id, master, ...(netdev !== undefined && { netdev }) });
  }
  const devices = found.filter(({ deviceID }) => !taken.has(deviceID));
  if (devices.length > 0) return devices.slice(0, count ?? Math.max(1, found.length - others));
  if (spec.plugin.type === 'mellanox' && resources.length === 0) return [];
  throw new MultiNicError(
    'MNN_DEVICE_MISSING',
    `network ${name}: the kubelet has assigned the pod no device ${found.length > 0 ? 'more ' : ''}of ${resources.join(', ')}`,
  );
}

/** The first of each resource, then the second of each, …: resources are rails, and even a few NICs should be spread over several. */
function inTurn(assigned: readonly AssignedDevice[], resources: readonly string[]): string[] {
  if (resources.length === 0) return assigned.map(({ id }) => id);
  const lists = resources.map(resource => assigned.filter(device => device.resource === resource));
  const longest = Math.max(...lists.map(list => list.length));
  return Array.from({ length: longest }, (_, i) => lists.flatMap(list => list[i]?.id ?? [])).flat();
}
