import { expect } from 'chai';
import type { HostNic } from '../../core/api/types.ts';
import { isOffered, readNicRule } from './nicRules.ts';

const nics: HostNic[] = [
  {
    interfaceName: 'eth1',
    netAddress: '172.20.1.0/24',
    hostIP: '172.20.1.5',
    driver: 'mlx5_core',
    pciAddress: '0000:3b:00.0',
  },
  {
    interfaceName: 'eth2',
    netAddress: '172.20.2.0/24',
    hostIP: '172.20.2.5',
    driver: 'ena',
    pciAddress: '0000:5e:00.1',
  },
  { interfaceName: 'ib0', netAddress: 'fd00:1::/64', hostIP: 'fd00:1::5' },
];

function offered(include: string[], exclude: string[] = []): string[] {
  const rules = { include: include.map(readNicRule), exclude: exclude.map(readNicRule) };
  return nics.filter(nic => isOffered(nic, rules)).map(({ interfaceName }) => interfaceName);
}

describe('rules of NICs', () => {
  it('offer all where there are none', () => {
    expect(offered([])).to.deep.equal(['eth1', 'eth2', 'ib0']);
  });

  it('offer the NIC to a management controller where it is asked for only', () => {
    const controller = {
      interfaceName: 'usb0',
      netAddress: '169.254.3.0/24',
      hostIP: '169.254.3.1',
      driver: 'cdc_ether',
    };
    expect(isOffered(controller, { include: [], exclude: [] })).to.equal(false);
    expect(isOffered(controller, { include: [readNicRule('usb')], exclude: [] })).to.equal(true);
    const rail = { ...controller, interfaceName: 'eth1', driver: 'mlx5_core' };
    expect(isOffered(rail, { include: [], exclude: [] })).to.equal(true);
  });

  it('go by name, driver, PCI address and subnet', () => {
    expect(offered(['^eth'])).to.deep.equal(['eth1', 'eth2']);
    expect(offered(['name:2$'])).to.deep.equal(['eth2']);
    expect(offered(['(?:eth1|ib0)$'])).to.deep.equal(['eth1', 'ib0']);
    expect(offered(['driver:mlx5_core'])).to.deep.equal(['eth1']);
    expect(offered(['pci:0000:5e:*'])).to.deep.equal(['eth2']);
    expect(offered(['subnet:172.20.0.0/16'])).to.deep.equal(['eth1', 'eth2']);
    expect(offered(['subnet:fd00::/16'])).to.deep.equal(['ib0']);
  });

  it('take PCI addresses as lspci prints them, and in capitals', () => {
    expect(offered(['pci:0000:3B:00.0'])).to.deep.equal(['eth1']);
    expect(offered(['pci:3b:00.0'])).to.deep.equal(['eth1']);
    expect(offered(['pci:5e:*'])).to.deep.equal(['eth2']);
    expect(offered(['pci:00:3b:*'])).to.deep.equal([]);
    expect(offered(['pci:*.1'])).to.deep.equal(['eth2']);
  });

  it('include by any, exclude by any', () => {
    expect(offered(['driver:ena', 'name:ib0'])).to.deep.equal(['eth2', 'ib0']);
    expect(offered([], ['driver:ena', 'subnet:fd00::/16'])).to.deep.equal(['eth1']);
    expect(offered(['^eth'], ['^eth'])).to.deep.equal([]);
  });

  it('are refused where they cannot be read', () => {
    for (const text of ['', 'name:', '(', 'subnet:172.20.0.0', 'pci:x', 'Driver:ena', 'mac:02:00:00:00:00:01']) {
      expect(() => readNicRule(text), text).to.throw(/is not a rule/);
    }
  });
});
