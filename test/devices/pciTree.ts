import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterNode } from '../cluster/index.ts';

/** A NIC's PCI function as sysfs shows it. */
export interface PciNic {
  readonly address: string;
  readonly numaNode: number;
  /** Its netdev. */
  readonly net: string;
  /** PCI device id, for example `0x1021`. */
  readonly product: string;
  readonly speedMbps: number;
}

/** Where a node sees the files that stand in for sysfs. */
const folder = '/run/pci';

/**
 * Lets a node see its NICs as PCI functions: those of a test are veths, which are none. Files of ours are mounted over /sys/bus and over the NICs'
 * folders in /sys/devices/virtual/net, for the node alone; every program there finds them where the kernel has them.
 */
export async function showPciNics(node: ClusterNode, nics: readonly PciNic[]): Promise<void> {
  const write = (path: string, text: string): void => {
    writeFileSync(node.path(join(folder, path)), `${text}\n`);
  };
  const mounts = [`mount --bind ${folder}/bus /sys/bus`];
  mkdirSync(node.path(join(folder, 'bus/pci/drivers/mlx5_core')), { recursive: true });
  for (const { address, numaNode, net, product, speedMbps } of nics) {
    const device = `bus/pci/devices/${address}`;
    mkdirSync(node.path(join(folder, device, 'net', net)), { recursive: true });
    mkdirSync(node.path(join(folder, 'net', net)), { recursive: true });
    symlinkSync('../../drivers/mlx5_core', node.path(join(folder, device, 'driver')));
    write(`${device}/class`, '0x020000');
    write(`${device}/vendor`, '0x15b3');
    write(`${device}/device`, product);
    write(`${device}/numa_node`, String(numaNode));
    write(`net/${net}/speed`, String(speedMbps));
    symlinkSync(`/sys/${device}`, node.path(join(folder, 'net', net, 'device')));
    mounts.push(`mount --bind ${folder}/net/${net} /sys/devices/virtual/net/${net}`);
  }
  await node.exec(['sh', '-eu', '-c', mounts.join('\n')]);
}
