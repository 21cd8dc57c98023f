import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { isMultiNicError } from '../../core/errors.ts';
import { type DeviceWish, podDevices } from './podDevices.ts';

describe('podDevices', () => {
  let sysfs: string;
  const at = (address: string) => join(sysfs, 'bus/pci/devices', address);
  const assigned = ['rail1 3b:00.1', 'rail1 3b:00.2', 'rail2 5e:00.1', 'rail2 5e:00.2', 'gpu 17:00.0', 'gpu GPU-1'].map(
    text => {
      const [resource = '', id = ''] = text.split(' ');
      return { resource, id: id.includes(':') ? `0000:${id}` : id, numaNodes: [] };
    },
  );

  before(() => {
    sysfs = mkdtempSync(join(tmpdir(), 'sysfs-'));
    for (const bus of ['3b', '5e']) {
      mkdirSync(join(at(`0000:${bus}:00.0`), 'net', `eth-${bus}`), { recursive: true });
      for (const f of [1, 2]) {
        mkdirSync(at(`0000:${bus}:00.${f}`));
        writeFileSync(join(at(`0000:${bus}:00.${f}`), 'class'), '0x020000\n');
        symlinkSync(`../0000:${bus}:00.0`, join(at(`0000:${bus}:00.${f}`), 'physfn'));
      }
    }
    mkdirSync(at('0000:17:00.0'));
    writeFileSync(join(at('0000:17:00.0'), 'class'), '0x030200\n');
  });
  after(() => {
    rmSync(sysfs, { recursive: true });
  });

  const choose = async (type: string, wish: Partial<DeviceWish>): Promise<string> => {
    const network = { name: 'n', spec: { ipam: '{}', plugin: { cniVersion: '1.0.0', type } } };
    const whole = { resources: [], count: undefined, handed: undefined, taken: new Set<string>(), others: 0, ...wish };
    try {
      const devices = await podDevices(network, assigned, whole, sysfs);
      return devices.map(({ deviceID, master }) => `${deviceID.slice(5)}=${master}`).join(' ');
    } catch (error) {
      if (isMultiNicError(error)) return error.code;
      throw error;
    }
  };
  const rails = { resources: ['rail2', 'rail1'] };

  for (const [what, wish, result] of [
    ['takes one of each resource in turn', rails, '5e:00.1=eth-5e 3b:00.1=eth-3b 5e:00.2=eth-5e 3b:00.2=eth-3b'],
    ['takes no more than asked', { ...rails, count: 1 }, '5e:00.1=eth-5e'],
    ['leaves the others theirs', { ...rails, others: 3 }, '5e:00.1=eth-5e'],
    ['takes one where others need more than there are', { ...rails, others: 9 }, '5e:00.1=eth-5e'],
    [
      'passes over those that others have',
      { ...rails, others: 2, taken: new Set(['0000:5e:00.1', '0000:3b:00.1']) },
      '5e:00.2=eth-5e 3b:00.2=eth-3b',
    ],
    [
      'takes the one first that the runtime hands over',
      { ...rails, handed: '0000:3b:00.2', count: 2 },
      '3b:00.2=eth-3b 5e:00.1=eth-5e',
    ],
    ['refuses one that is named and not assigned', { ...rails, handed: '0000:3b:00.3' }, 'MNN_DEVICE_MISSING'],
    [
      'refuses one that is named and assigned, but of another network’s resource',
      { resources: ['rail2'], handed: '0000:3b:00.1' },
      'MNN_DEVICE_MISSING',
    ],
    [
      'takes NICs only, where the resources are not known',
      { count: 9 },
      '3b:00.1=eth-3b 3b:00.2=eth-3b 5e:00.1=eth-5e 5e:00.2=eth-5e',
    ],
    ['refuses where none of the resource is assigned', { resources: ['rail3'] }, 'MNN_DEVICE_MISSING'],
    ['refuses devices that are no NICs', { resources: ['gpu'] }, 'MNN_DEVICE_MISSING'],
  ] as [string, Partial<DeviceWish>, string][]) {
    it(what, async () => {
      expect(await choose('mellanox', wish)).to.equal(result);
    });
  }

  describe('of a NIC whose embedded switch is programmed (switchdev)', () => {
    const netdevs = { eth9: 'pf0vf0', eth10: 'pf0sf88', eth8: 'c1pf0vf1', eth7: 'p0pf0vf1', rail3: 'p0' };
    const choose = async (id: string): Promise<unknown> => {
      const network = { name: 'n', spec: { ipam: '{}', plugin: { cniVersion: '1.0.0', type: 'mellanox' } } };
      const wish = { resources: ['rail3'], count: 1, handed: undefined, taken: new Set<string>(), others: 0 };
      return podDevices(network, [{ resource: 'rail3', id, numaNodes: [] }], wish, sysfs);
    };

    before(() => {
      const physical = at('0000:af:00.0');
      for (const [name, port] of Object.entries(netdevs)) {
        mkdirSync(join(physical, 'net', name), { recursive: true });
        writeFileSync(join(physical, 'net', name, 'phys_port_name'), `${port}\n`);
      }
      writeFileSync(join(physical, 'class'), '0x020000\n');
      mkdirSync(at('0000:af:00.1'));
      writeFileSync(join(at('0000:af:00.1'), 'class'), '0x020000\n');
      symlinkSync('../0000:af:00.0', join(at('0000:af:00.1'), 'physfn'));
      const auxiliary = join(sysfs, 'bus/auxiliary/devices');
      mkdirSync(join(physical, 'mlx5_core.sf.4/net/eth11'), { recursive: true });
      mkdirSync(join(physical, 'mlx5_core.rdma.0'));
      mkdirSync(auxiliary, { recursive: true });
      for (const id of ['mlx5_core.sf.4', 'mlx5_core.rdma.0']) symlinkSync(join(physical, id), join(auxiliary, id));
    });

    it('the NIC is the port itself, and no representor of a function', async () => {
      expect(await choose('0000:af:00.1')).to.deep.equal([{ deviceID: '0000:af:00.1', master: 'rail3' }]);
      expect(await choose('0000:af:00.0')).to.deep.equal([
        { deviceID: '0000:af:00.0', master: 'rail3', netdev: 'rail3' },
      ]);
    });

    it('the NIC of a function is the bond that its port is in, and no bridge, nor for the port itself', async () => {
      const links = join(sysfs, 'class/net');
      mkdirSync(join(links, 'bond0/bonding'), { recursive: true });
      mkdirSync(join(links, 'br0/bridge'), { recursive: true });
      mkdirSync(join(links, 'rail3'));
      symlinkSync('../bond0', join(links, 'rail3/master'));
      const port = { deviceID: '0000:af:00.0', master: 'rail3', netdev: 'rail3' };
      try {
        expect(await choose('0000:af:00.1')).to.deep.equal([{ deviceID: '0000:af:00.1', master: 'bond0' }]);
        expect(await choose('mlx5_core.sf.4')).to.deep.equal([
          { deviceID: 'mlx5_core.sf.4', master: 'bond0', netdev: 'eth11' },
        ]);
        expect(await choose('0000:af:00.0')).to.deep.equal([port]);
        rmSync(join(links, 'rail3/master'));
        symlinkSync('../br0', join(links, 'rail3/master'));
        expect(await choose('0000:af:00.1')).to.deep.equal([{ deviceID: '0000:af:00.1', master: 'rail3' }]);
      } finally {
        rmSync(links, { recursive: true });
      }
    });

    it('a scalable function is a device of it, what else is on the auxiliary bus is none', async () => {
      expect(await choose('mlx5_core.sf.4')).to.deep.equal([
        { deviceID: 'mlx5_core.sf.4', master: 'rail3', netdev: 'eth11' },
      ]);
      for (const id of ['mlx5_core.rdma.0', 'mlx5_core.sf.5', '../../pci/devices/0000:af:00.0'])
        expect(await choose(id).catch((error: unknown) => String(error)), id).to.contain('no device');
    });
  });
});
