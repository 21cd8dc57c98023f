import { expect } from 'chai';
import type { HostNic } from '../../core/api/types.ts';
import { lostNics, type Sighting } from './lostNics.ts';

function nic(interfaceName: string, more: Partial<HostNic> = {}): HostNic {
  const n = interfaceName.replaceAll(/\D/g, '');
  return { interfaceName, netAddress: '10.0.0.0/24', hostIP: `10.0.0.${n}`, mac: `02:00:00:00:00:${n}`, ...more };
}

function lost(over: Partial<Sighting>): string[] {
  const sighting: Sighting = {
    known: [nic('eth10'), nic('eth11'), nic('eth12')],
    found: [nic('eth11'), nic('eth12')],
    addressed: new Set(['eth11', 'eth12']),
    held: [{ master: 'eth11', netAddress: '10.0.0.0/24', addresses: ['10.1.0.1/24'] }],
    ...over,
  };
  return lostNics(sighting).map(({ interfaceName, linkState }) => `${interfaceName} ${linkState}`);
}

describe('lostNics', () => {
  it('keep their places while pods hold addresses on NICs behind them in their subnet, and while nobody knows', () => {
    expect(lost({})).to.deep.equal(['eth10 down']);
    expect(lost({ held: undefined })).to.deep.equal(['eth10 down']);
    expect(lost({ held: [] })).to.deep.equal([]);
    const elsewhere = { master: 'eth11', netAddress: '10.0.1.0/24', addresses: [] };
    expect(lost({ held: [elsewhere, { ...elsewhere, netAddress: '10.0.0.0/24', master: 'eth9' }] })).to.deep.equal([]);
  });

  it('count with all their addresses', () => {
    const second = { netAddress: '10.0.0.0/24', hostIP: '10.0.0.10' };
    const first = { netAddress: '10.0.7.0/24', hostIP: '10.0.7.1' };
    expect(lost({ known: [nic('eth10', { ...first, addresses: [first, second] })] })).to.deep.equal(['eth10 down']);
  });

  it('are none that have an address and do not count any more, or that go by another name now', () => {
    expect(lost({ addressed: new Set(['eth10', 'eth11', 'eth12']) })).to.deep.equal([]);
    expect(lost({ found: [nic('eth11'), nic('eth12'), { ...nic('eth10'), interfaceName: 'ens1' }] })).to.deep.equal([]);
    const bond = { ...nic('eth10'), interfaceName: 'bond0', mac: '02:00:00:00:00:99' };
    expect(lost({ found: [nic('eth11'), nic('eth12'), bond] })).to.deep.equal([]);
  });

  it('are not taken for a VLAN on them, which has their hardware address', () => {
    const vlan = nic('eth10.5', { netAddress: '10.0.5.0/24', hostIP: '10.0.5.1', mac: '02:00:00:00:00:10' });
    const known = [nic('eth10'), vlan, nic('eth11')];
    expect(lost({ known, found: [vlan, nic('eth11')] })).to.deep.equal(['eth10 down']);
  });
});
