import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';

/** A PCI network device, and the host's NIC that it is, or is a virtual function of. */
export interface PciNic {
  readonly pciAddress: string;
  /** Name of the NIC on the host: of the physical function for a virtual one. Undefined where it has no netdev there. */
  readonly master: string | undefined;
}

/** PCI class 02: network controllers (PCI Code and ID Assignment Specification, section 1.3); 0207 is InfiniBand. */
const networkClass = '0x02';

/**
 * Reads what sysfs says of a PCI device (Documentation/ABI/testing/sysfs-bus-pci).
 * @param sysfs for example /sys
 * @returns undefined where there is no such device, or it is no network controller
 */
export async function readPciNic(sysfs: string, pciAddress: string): Promise<PciNic | undefined> {
  if (!/^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/i.test(pciAddress)) return undefined;
  const folder = join(sysfs, 'bus/pci/devices', pciAddress);
  const deviceClass = await orUndefined(readFile(join(folder, 'class'), 'utf8'));
  if (!deviceClass?.startsWith(networkClass)) return undefined;
  const physical = await orUndefined(readlink(join(folder, 'physfn')));
  const owner = physical === undefined ? folder : join(sysfs, 'bus/pci/devices', basename(physical));
  return { pciAddress, master: await netdevOf(owner) };
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

async function orUndefined<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
      return undefined;
    }
    throw error;
  }
}
