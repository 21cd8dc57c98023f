import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from './host.ts';

/**
 * What sysfs shows of virtual functions and their physical ones.
 * @param functions the physical one's NIC by the virtual one's address
 * @param netdevs of the virtual ones, where they have one
 */
export function addVirtualFunctions(
  { folder }: Host,
  functions: Record<string, string>,
  netdevs: Record<string, string> = {},
): void {
  const devices = join(folder, 'sys/bus/pci/devices');
  for (const [i, [address, nic]] of Object.entries(functions).entries()) {
    const physical = `${address.slice(0, 7)}:00.${i}`;
    mkdirSync(join(devices, physical, 'net', nic), { recursive: true });
    mkdirSync(join(devices, address), { recursive: true });
    writeFileSync(join(devices, address, 'class'), '0x020000\n');
    symlinkSync(`../${physical}`, join(devices, address, 'physfn'));
    const netdev = netdevs[address];
    if (netdev !== undefined) mkdirSync(join(devices, address, 'net', netdev), { recursive: true });
  }
}

/** As the kubelet's device manager writes it down: the ids of one pod's devices, by resource and NUMA node (-1: not known). */
export function assignDevices(
  { folder }: Host,
  podUid: string,
  devices: Record<string, Record<string, string[]>>,
): void {
  const plugins = join(folder, 'kubelet/device-plugins');
  mkdirSync(plugins, { recursive: true });
  const entries = Object.entries(devices).map(([ResourceName, DeviceIDs]) => ({
    PodUID: podUid,
    ContainerName: 'main',
    ResourceName,
    DeviceIDs,
  }));
  const checkpoint = { Data: { PodDeviceEntries: entries, RegisteredDevices: {} }, Checksum: 1 };
  writeFileSync(join(plugins, 'kubelet_internal_checkpoint'), JSON.stringify(checkpoint));
}
