import { expect } from 'chai';
import type { HostNic } from '../../core/api/types.ts';
import { nicPlaces, type Sighting } from './nicPlaces.ts';

function nic(interfaceName: string, more: Partial<HostNic> = {}): HostNic {
  const n = interfaceName.replaceAll(/\D/g, '');
  return { interfaceName, netAddress: '10.0.0.0/24', hostIP: `10.0.0.${n}`, mac: `02:00:00:00:00:${n}`, ...more };
}

const addresses = ['10.1.0.1/24'];

function places(over: Partial<Sighting>): string[] {
  const sighting: Sighting = {
    known: [nic('eth10'), nic('eth11'), nic('eth12')],
    found: [nic('eth11'), nic('eth12')],
    addressed: new Set(['eth11', 'eth12']),
    held: [{ master: 'eth11', netAddress: '10.0.0.0/24', addresses }],
    ...over,
  };
  const { lost, early } = nicPlaces(sighting);
  const named = (what: string) => (each: HostNic) => `${what} ${each.interfaceName} ${each.linkState ?? ''}`.trim();
  return [...lost.map(named('lost')), ...early.map(named('early'))];
}

describe('NICs that go', () => {
  it('keep their places while pods hold addresses on NICs after them in their subnet, and while that is unknown', () => {
    expect(places({})).to.deep.equal(['lost eth10 down']);
    expect(places({ held: undefined })).to.deep.equal(['lost eth10 down']);
    expect(places({ held: [] })).to.deep.equal([]);
    const elsewhere = { master: 'eth11', netAddress: '10.0.1.0/24', addresses };
    expect(places({ held: [elsewhere, { ...elsewhere, netAddress: '10.0.0.0/24', master: 'eth9' }] })).to.deep.equal(
      [],
    );
  });

  it('keep their places in the entry of masterNets that their point-to-point subnets lie in', () => {
    const paired = (name: string, n: number): HostNic => nic(name, { netAddress: `10.0.${n}.4/31` });
    const seen = {
      known: [paired('eth10', 1), paired('eth11', 2), paired('eth12', 3)],
      found: [paired('eth11', 2), paired('eth12', 3)],
    };
    const held = (netAddress: string): Partial<Sighting> => ({ held: [{ master: 'eth11', netAddress, addresses }] });
    expect(places({ ...seen, ...held('10.0.0.0/8') })).to.deep.equal(['lost eth10 down']);
    expect(places({ ...seen, ...held('10.0.2.0/24') })).to.deep.equal([]);
    expect(places({ ...seen, held: undefined })).to.deep.equal(['lost eth10 down']);
    // A wider subnet is a place of its own.
    expect(places({ known: [nic('eth10'), nic('eth11'), nic('eth12')], ...held('10.0.0.0/8') })).to.deep.equal([]);
  });

  it('count with all their addresses', () => {
    const second = { netAddress: '10.0.0.0/24', hostIP: '10.0.0.10' };
    const first = { netAddress: '10.0.7.0/24', hostIP: '10.0.7.1' };
    expect(places({ known: [nic('eth10', { ...first, addresses: [first, second] })] })).to.deep.equal([
      'lost eth10 down',
    ]);
  });

  it('are none that have an address and do not count any more, or that go by another name now', () => {
    expect(places({ addressed: new Set(['eth10', 'eth11', 'eth12']) })).to.deep.equal([]);
    expect(places({ found: [nic('eth11'), nic('eth12'), { ...nic('eth10'), interfaceName: 'ens1' }] })).to.deep.equal(
      [],
    );
    const bond = { ...nic('eth10'), interfaceName: 'bond0', mac: '02:00:00:00:00:99' };
    expect(places({ found: [nic('eth11'), nic('eth12'), bond] })).to.deep.equal([]);
  });

  it('are not taken for a VLAN on them, which has their hardware address', () => {
    const vlan = nic('eth10.5', { netAddress: '10.0.5.0/24', hostIP: '10.0.5.1', mac: '02:00:00:00:00:10' });
    const known = [nic('eth10'), vlan, nic('eth11')];
    expect(places({ known, found: [vlan, nic('eth11')] })).to.deep.equal(['lost eth10 down']);
    expect(places({ found: [vlan, nic('eth11'), nic('eth12')] }), 'made afterwards').to.deep.equal(['lost eth10 down']);
    const rail = (name: string, n: number): HostNic =>
      nic(name, { netAddress: `10.0.${n}.0/31`, mac: '02:00:00:00:00:01' });
    const ofAll = { master: 'eth1.3', netAddress: '10.0.0.0/8', addresses };
    const rails = [rail('eth1.2', 2), rail('eth1.3', 3)];
    expect(places({ known: rails, found: rails.slice(1), held: [ofAll] }), 'beside it').to.deep.equal([
      'lost eth1.2 down',
    ]);
  });

  it('are there where each has the name that the next one had', () => {
    const shifted = (names: string[]): HostNic[] =>
      [10, 11, 12].map((n, i) => ({ ...nic(`eth${n}`), interfaceName: names[i]! }));
    for (const subnet of ['10.0.0.0/24', '10.0.0.0/31']) {
      const on = (nics: HostNic[]): HostNic[] =>
        nics.map((each, i) => ({ ...each, netAddress: subnet.replace('.0/31', `.${2 * i}/31`) }));
      const known = on(shifted(['eth10', 'eth11', 'eth12']));
      const held = known.map(({ interfaceName: master }) => ({ master, netAddress: '10.0.0.0/24', addresses }));
      for (const names of [
        ['eth11', 'eth12', 'eth13'],
        ['eth9', 'eth10', 'eth11'],
      ]) {
        const found = on(shifted(names));
        expect(places({ known, found, held, addressed: new Set(names) }), names.join()).to.deep.equal([]);
        expect(places({ known, found, held: undefined, addressed: new Set(names) })).to.deep.equal([]);
      }
    }
  });

  it('go by another name on their rail, also with another address there', () => {
    const onRail = (name: string, subnet: string): HostNic =>
      nic(name, { netAddress: subnet, hostIP: subnet, mac: 'mac' });
    const seen = {
      known: [onRail('eth10', '10.0.0.0/31')],
      held: [{ master: 'eth11', netAddress: '10.0.0.0/16', addresses }],
    };
    expect(places({ ...seen, found: [onRail('ens1', '10.0.0.6/31')] })).to.deep.equal([]);
  });
});

describe('NICs that come', () => {
  const [ten, eleven, other] = [
    nic('eth10'),
    nic('eth11'),
    nic('eth5', { netAddress: '10.0.5.0/24', hostIP: '10.0.5.1' }),
  ];
  const known = [eleven, other];
  const found = [ten, eleven, other];

  it('wait while pods hold addresses on NICs after them in their subnet, and while that is unknown', () => {
    expect(places({ known, found })).to.deep.equal(['early eth10']);
    expect(places({ known, found, held: undefined })).to.deep.equal(['early eth10']);
    expect(places({ known, found, held: [] })).to.deep.equal([]);
    expect(places({ known: [other], found: [nic('eth12'), other] })).to.deep.equal([]);
    expect(places({ known: [], found, held: undefined })).to.deep.equal([]);
  });

  it('do not where they have only another name', () => {
    const before = [nic('zeth', { hostIP: '10.0.0.10' }), eleven];
    expect(places({ known: before, found })).to.deep.equal([]);
    const readdressed = [nic('zeth', { mac: '02:00:00:00:00:10' }), eleven];
    expect(places({ known: readdressed, found })).to.deep.equal([]);
    const vlan = nic('zeth.5', { netAddress: '10.0.5.0/24', hostIP: '10.0.5.9', mac: '02:00:00:00:00:10' });
    expect(places({ known: [vlan, eleven], found })).to.deep.equal(['early eth10']);
  });
});
