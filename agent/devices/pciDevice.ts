import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { orUndefined } from '../base/systemErrors.ts';

/** A PCI network device, and the host's NIC that it is, or that it is a virtual function of. */
export interface PciNic {
  readonly pciAddress: string;
  /** Name of its own netdev on the host. Undefined where it has none there. */
  readonly netdev: string | undefined;
  /** Name of the NIC on the host: of the physical function for a virtual one. Undefined where it has no netdev there. */
  readonly master: string | undefined;
}

/** PCI class 02: network controllers (PCI Code and ID Assignment Specification, section 1.3); 0207 is InfiniBand. */
const networkClass = '0x02';

/**
 * Reads what sysfs says of a PCI device (Documentation/ABI/testing/sysfs-bus-pci).
 * @param sysfs for example /sys
 * @returns undefined if there is no such device, or it is no network controller
 */
export async function readPciNic(sysfs: string, pciAddress: string): Promise<PciNic | undefined> {
  const folder = pciFolder(sysfs, pciAddress);
  if (folder === undefined) return undefined;
  const deviceClass = await orUndefined(readFile(join(folder, 'class'), 'utf8'));
  if (!deviceClass?.startsWith(networkClass)) return undefined;
  const physical = await orUndefined(readlink(join(folder, 'physfn')));
  const netdev = await netdevOf(folder);
  const master = physical === undefined ? netdev : await netdevOf(join(sysfs, 'bus/pci/devices', basename(physical)));
  return { pciAddress, netdev, master };
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
    const [name] = ((await orUndefined(readdir(join(place, 'net')))) ?? []).toSorted();
    if (name !== undefined) return name;
  }
  return undefined;
}
