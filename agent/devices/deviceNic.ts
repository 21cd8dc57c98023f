import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { orUndefined } from '../base/systemErrors.ts';

/** A network device that a device plugin may hand out, and the host's NIC that it is, or that it is a function of. */
export interface DeviceNic {
  /** Name of its own netdev on the host. Undefined where it has none there. */
  readonly netdev: string | undefined;
  /** Name of the NIC on the host: of the physical function, or its bond, for a virtual or scalable one. Undefined where it has no netdev there. */
  readonly master: string | undefined;
}

/** PCI class 02: network controllers (PCI Code and ID Assignment Specification, section 1.3); 0207 is InfiniBand. */
const networkClass = '0x02';

/** Scalable functions as device plugins call them: by their names on the auxiliary bus (Documentation/networking/devlink/devlink-port.rst). */
const scalableFunction = /^\w+\.sf\.\d+$/;

/**
 * Reads what sysfs says of a device (Documentation/ABI/testing/sysfs-bus-pci).
 * @param sysfs for example /sys
 * @param id a PCI address, or the name of a scalable function
 * @returns undefined if there is no such device, or it is no network controller
 */
export async function readDeviceNic(sysfs: string, id: string): Promise<DeviceNic | undefined> {
  if (scalableFunction.test(id)) return readScalable(sysfs, id);
  const folder = pciFolder(sysfs, id);
  if (folder === undefined) return undefined;
  const deviceClass = await orUndefined(readFile(join(folder, 'class'), 'utf8'));
  if (!deviceClass?.startsWith(networkClass)) return undefined;
  const physical = await orUndefined(readlink(join(folder, 'physfn')));
  const netdev = await netdevOf(folder);
  if (physical === undefined) return { netdev, master: netdev };
  return { netdev, master: await nicOf(sysfs, join(sysfs, 'bus/pci/devices', basename(physical))) };
}

/** Its folder is one of those of the physical function. */
async function readScalable(sysfs: string, id: string): Promise<DeviceNic | undefined> {
  const folder = await orUndefined(realpath(join(sysfs, 'bus/auxiliary/devices', id)));
  if (folder === undefined) return undefined;
  return { netdev: await netdevOf(folder), master: await nicOf(sysfs, dirname(folder)) };
}

/** The NIC that a physical function is: where that is a port of a bond, the bond, as only this has an address on the host. */
async function nicOf(sysfs: string, physical: string): Promise<string | undefined> {
  const port = await netdevOf(physical);
  if (port === undefined) return undefined;
  const links = join(sysfs, 'class/net');
  const above = basename((await orUndefined(readlink(join(links, port, 'master')))) ?? '');
  const isBond = above !== '' && (await orUndefined(readdir(join(links, above, 'bonding')))) !== undefined;
  return isBond ? above : port;
}

/**
 * The NUMA node that a PCI device is on.
 * @returns undefined if the id is no PCI address, there is no such device, or the firmware does not say (-1)
 */
export async function readNumaNode(sysfs: string, pciAddress: string): Promise<number | undefined> {
  const folder = pciFolder(sysfs, pciAddress);
  const text = folder && (await orUndefined(readFile(join(folder, 'numa_node'), 'utf8')));
  return text && /^\d+\s*$/.test(text) ? Number(text) : undefined;
}

/** Whether a text is the address of a PCI function, as sysfs writes it. */
export function isPciAddress(text: string): boolean {
  return /^[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/.test(text);
}

/** Undefined where the text is no PCI address. */
function pciFolder(sysfs: string, pciAddress: string): string | undefined {
  // sysfs writes small letters.
  const name = pciAddress.toLowerCase();
  return isPciAddress(name) ? join(sysfs, 'bus/pci/devices', name) : undefined;
}

/** virtio devices have their netdev one level further down. */
async function netdevOf(folder: string): Promise<string | undefined> {
  const entries = (await orUndefined(readdir(folder))) ?? [];
  const virtio = entries.filter(name => name.startsWith('virtio')).map(name => join(folder, name));
  for (const place of [folder, ...virtio]) {
    const name = await portIn(join(place, 'net'));
    if (name !== undefined) return name;
  }
  return undefined;
}

/** In switchdev mode the representors of a physical function's VFs and SFs are its netdevs as well; they are not what leads to the wire. */
async function portIn(folder: string): Promise<string | undefined> {
  const names = ((await orUndefined(readdir(folder))) ?? []).toSorted();
  if (names.length <= 1) return names[0];
  const ports = await Promise.all(names.map(name => portNameOf(join(folder, name))));
  return names.find((_, i) => !representorPort.test(ports[i] ?? '')) ?? names[0];
}

/** net/devlink/port.c, __devlink_port_phys_port_name_get, and drivers/net/ethernet/sfc/ef100_rep.c; a port of the NIC itself is `p0`. */
const representorPort = /^(c\d+)?(p\d+)?pf\d+/;

/** Undefined where the driver does not say: EOPNOTSUPP, or the netdev is just going. */
async function portNameOf(netdev: string): Promise<string | undefined> {
  try {
    return (await readFile(join(netdev, 'phys_port_name'), 'utf8')).trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}
