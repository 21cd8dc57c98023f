import { readdir, readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { HostNic } from '../../core/api/types.ts';
import { defined } from '../../core/defined.ts';
import { isPciAddress } from '../devices/deviceNic.ts';

/** What sysfs says of the device behind a link (Documentation/ABI/testing/sysfs-class-net, sysfs-bus-pci). */
export type Device = Pick<
  HostNic,
  'vendor' | 'product' | 'pciAddress' | 'numaNode' | 'driver' | 'speedMbps' | 'rdma' | 'sriov'
>;

/** The links of the network namespace that sysfs was mounted in, which is the host's. */
const links = '/sys/class/net';

/**
 * Reads the device of a link. Whatever it lacks, or the kernel does not tell (the speed of a link that is down), is absent. A VLAN has its
 * parent's device.
 */
export async function readDevice(name: string, parent: string | undefined): Promise<Device> {
  const own = join(links, name);
  const device = join(links, parent ?? name, 'device');
  const [pci, driver, speed, rdma] = await Promise.all([
    pciFunction(device),
    linkTarget(join(device, 'driver')),
    readNumber(join(own, 'speed')),
    firstName(join(device, 'infiniband')),
  ]);
  const onBus = pci === undefined ? {} : await readPci(pci);
  const speedMbps = speed !== undefined && speed > 0 ? speed : undefined;
  return { ...onBus, ...defined({ driver, speedMbps, rdma }) };
}

async function readPci(folder: string): Promise<Device> {
  const [vendor, product, numaNode, totalVfs, numVfs] = await Promise.all([
    readText(join(folder, 'vendor')),
    readText(join(folder, 'device')),
    readNumber(join(folder, 'numa_node')),
    readNumber(join(folder, 'sriov_totalvfs')),
    readNumber(join(folder, 'sriov_numvfs')),
  ]);
  return defined({
    vendor: vendor?.replace(/^0x/, ''),
    product: product?.replace(/^0x/, ''),
    pciAddress: basename(folder),
    // -1: the machine has one node, or the firmware does not say.
    numaNode: numaNode !== undefined && numaNode >= 0 ? numaNode : undefined,
    sriov: totalVfs !== undefined && totalVfs > 0 ? { totalVfs, numVfs: numVfs ?? 0 } : undefined,
  });
}

/** The folder of the PCI function that a device is, or is based on (as a virtio device is). */
async function pciFunction(device: string): Promise<string | undefined> {
  let folder: string;
  try {
    folder = await realpath(device);
  } catch (error) {
    return absent(error);
  }
  for (; folder !== dirname(folder); folder = dirname(folder)) {
    if (isPciAddress(basename(folder))) return folder;
  }
  return undefined;
}

async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return basename(await realpath(path));
  } catch (error) {
    return absent(error);
  }
}

async function firstName(folder: string): Promise<string | undefined> {
  try {
    return (await readdir(folder)).sort()[0];
  } catch (error) {
    return absent(error);
  }
}

async function readNumber(path: string): Promise<number | undefined> {
  const text = await readText(path);
  const value = Number(text);
  return text !== undefined && text !== '' && Number.isInteger(value) ? value : undefined;
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    return absent(error);
  }
}

/** Every errno means the same here: the link has none, or is just going (ENODEV), or the driver does not know (EINVAL, EOPNOTSUPP). */
function absent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error) return undefined;
  throw error;
}
