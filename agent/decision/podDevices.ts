import { deviceResource } from '../../core/delegate/deviceResource.ts';
import { MultiNicError } from '../../core/errors.ts';
import type { Network } from '../../core/network/network.ts';
import type { AssignedDevice } from '../devices/assignedDevice.ts';
import { readPciNic } from '../devices/pciDevice.ts';

/** A device that a device plugin gave the pod. */
export interface PodDevice {
  readonly deviceID: string;
  /** The host's NIC that it is, or is a virtual function of. */
  readonly master: string;
}

/** What is known besides. */
export interface DeviceFacts {
  /** PCI address that the runtime handed over. */
  readonly handed: string | undefined;
  /** PCI addresses that other attachments of this pod have. */
  readonly taken: ReadonlySet<string>;
  /** For example /sys. */
  readonly sysfs: string;
}

/**
 * The devices of a pod that a network's attachment uses, in their order. Multus names one itself where the network's definition says
 * so; that one comes first.
 * @throws MultiNicError MNN_DEVICE_MISSING where the type cannot do without and there is none
 */
export async function podDevices(
  { name, spec }: Pick<Network, 'name' | 'spec'>,
  assigned: readonly AssignedDevice[],
  { handed, taken, sysfs }: DeviceFacts,
): Promise<PodDevice[]> {
  const resource = deviceResource(name, spec.plugin);
  const ofNetwork = assigned.filter(item => resource === undefined || item.resource === resource);
  const ids = new Set([...(handed === undefined ? [] : [handed]), ...ofNetwork.map(({ id }) => id)]);
  const devices: PodDevice[] = [];
  for (const id of ids) {
    if (taken.has(id)) continue;
    const nic = await readPciNic(sysfs, id);
    if (nic) devices.push({ deviceID: id, master: nic.master ?? '' });
  }
  if (devices.length > 0 || spec.plugin.type !== 'sriov') return devices;
  throw new MultiNicError(
    'MNN_DEVICE_MISSING',
    `network ${name}: the kubelet has assigned the pod no device of ${resource ?? 'a device plugin'}`,
  );
}
