import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { devicePlacement } from './devicePlacement.ts';

describe('devicePlacement', () => {
  let sysfs: string;
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(sysfs, path)), { recursive: true });
    writeFileSync(join(sysfs, path), text);
  };
  const pci = (address: string, pciClass: string, node: string) => {
    write(`bus/pci/devices/${address}/class`, `${pciClass}\n`);
    write(`bus/pci/devices/${address}/numa_node`, `${node}\n`);
  };
  const device = (id: string, ...numaNodes: number[]) => ({ resource: 'nvidia.com/gpu', id, numaNodes });

  beforeEach(() => {
    sysfs = mkdtempSync(join(tmpdir(), 'sysfs-'));
    pci('0000:17:00.0', '0x030200', '0');
    pci('0000:ca:00.0', '0x120000', '3');
    pci('0000:e1:00.0', '0x030200', '-1');
    pci('0000:3b:02.1', '0x020000', '1');
  });
  afterEach(() => {
    rmSync(sysfs, { recursive: true });
  });

  it('takes the nodes that the plugin states, else what the kernel knows of the PCI address', async () => {
    const devices = [device('GPU-1', 1), device('GPU-2', 0, 1), device('0000:17:00.0'), device('0000:CA:00.0')];
    expect((await devicePlacement(devices, sysfs)).numaNodes).to.deep.equal([1, 0, 1, 0, 3]);
  });

  it('leaves out devices of unknown place, and NICs', async () => {
    const devices = ['GPU-3', '0000:e1:00.0', '0000:ff:00.0', '../etc'].map(id => device(id));
    expect((await devicePlacement([...devices, device('0000:3b:02.1', 1)], sysfs)).numaNodes).to.deep.equal([]);
  });

  it('measures with the kernel’s table, also where numbers are left out', async () => {
    write('devices/system/node/node0/distance', '10 12 32\n');
    write('devices/system/node/node1/distance', '12 10 31\n');
    write('devices/system/node/node4/distance', '32 31 10\n');
    write('devices/system/node/online', '0-1,4\n');
    const { distance } = await devicePlacement([], sysfs);
    expect([distance(0, 1), distance(1, 4), distance(4, 4), distance(4, 0)]).to.deep.equal([12, 31, 10, 32]);
    expect([distance(0, 2), distance(2, 2)]).to.deep.equal([20, 10]);
  });

  it('knows near and far where the kernel has no table', async () => {
    const { distance } = await devicePlacement([], sysfs);
    expect([distance(0, 0), distance(0, 1)]).to.deep.equal([10, 20]);
  });
});
