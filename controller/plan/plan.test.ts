import { expect } from 'chai';
import fc from 'fast-check';
import { apiVersion } from '../../core/api/names.ts';
import { hostIndexes, type HostPage } from '../../core/layout/hostIndex.ts';
import { type Network, readNetwork } from '../../core/network/network.ts';
import { planHostPages } from './hostPages.ts';
import { planInterfaces } from './interfaces.ts';

function network(ipam: object, subnet: string | undefined = '10.200.0.0/16'): Network {
  return readNetwork({
    apiVersion,
    kind: 'MultiNicNetwork',
    metadata: { name: 'net' },
    spec: {
      subnet,
      ipam: JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 4, interfaceBlock: 2, ...ipam }),
      plugin: { cniVersion: '1.0.0', type: 'ipvlan' },
    },
  });
}

const interfaces = [{ index: 0, netAddress: '172.20.1.0/24', ordinal: 0 }];

function apply(pages: readonly HostPage[], changed: readonly HostPage[]): HostPage[] {
  const byPage = new Map([...pages, ...changed].map(page => [page.page, page]));
  return [...byPage.values()].filter(({ hosts }) => hosts.length > 0);
}

describe('planHostPages', () => {
  const page = (...hosts: [string, number][]): HostPage => ({
    page: 0,
    hosts: hosts.map(([hostName, hostIndex]) => ({ hostName, hostIndex })),
  });

  it('keeps the index of a host without NICs as long as it exists', () => {
    const input = { network: network({}), interfaces, pages: [page(['a', 0], ['b', 1])], members: ['b'] };
    expect(planHostPages({ ...input, exists: () => true })).to.deep.equal({ changed: [], unassigned: [], gone: [] });
    const freed = planHostPages({ ...input, exists: () => false });
    expect(freed).to.deep.equal({ changed: [page(['b', 1])], unassigned: [], gone: ['a'] });
  });

  it('skips indexes whose block an exclude covers on some interface', () => {
    const excluding = network({ excludeCIDRs: ['10.200.0.0/22', '10.200.8.0/23'] });
    const plan = planHostPages({ network: excluding, interfaces, pages: [], members: ['a', 'b'], exists: () => true });
    expect([...hostIndexes(plan.changed)]).to.deep.equal([
      ['a', 1],
      ['b', 2],
    ]);
  });

  it('gives hosts whose index is outside a narrower layout another one', () => {
    const pages = [page(['a', 0], ['b', 9])];
    const narrow = network({ hostBlock: 2 });
    const plan = planHostPages({ network: narrow, interfaces, pages, members: ['a', 'b'], exists: () => true });
    expect(plan.changed).to.deep.equal([page(['a', 0], ['b', 1])]);
  });

  it('gives hosts that no page has the index under which their pods hold addresses, before any new one', () => {
    const held = new Map([
      ['c', 1],
      ['b', 3],
      ['without-nics', 4],
      ['late', 3],
      ['outside', 16],
    ]);
    const members = ['a', 'b', 'c', 'late', 'outside'];
    const plan = planHostPages({ network: network({}), interfaces, pages: [], members, held, exists: () => true });
    expect([...hostIndexes(plan.changed)]).to.deep.equal([
      ['c', 1],
      ['b', 3],
      ['without-nics', 4],
      ['a', 5],
      ['late', 6],
      ['outside', 7],
    ]);
  });

  it('needs no pages where addresses do not depend on the node', () => {
    const plan = planHostPages({
      network: network({ hostBlock: 0 }),
      interfaces,
      pages: [page(['a', 0])],
      members: ['a'],
      exists: () => true,
    });
    expect(plan).to.deep.equal({ changed: [{ page: 0, hosts: [] }], unassigned: [], gone: [] });
  });

  it('never moves a host that exists nor gives an index twice, whatever comes and goes', () => {
    const hosts = fc.constantFrom(...'abcdefghijklmnopqrst');
    const histories = fc.array(fc.record({ members: fc.uniqueArray(hosts), alive: fc.uniqueArray(hosts) }), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(histories, history => {
        let pages: HostPage[] = [];
        for (const { members, alive } of history) {
          const exists = (host: string): boolean => alive.includes(host);
          const before = hostIndexes(pages);
          const plan = planHostPages({ network: network({}), interfaces, pages, members, exists });
          pages = apply(pages, plan.changed);
          const after = hostIndexes(pages);
          for (const [host, index] of before) {
            if (members.includes(host) || exists(host)) expect(after.get(host)).to.equal(index);
            else expect(after.has(host)).to.equal(false);
          }
          expect(new Set(after.values()).size).to.equal(after.size);
          for (const host of members) expect(after.has(host)).to.equal(!plan.unassigned.includes(host));
          if (plan.unassigned.length > 0) expect(after.size).to.equal(16);
        }
      }),
    );
  });
});

describe('planInterfaces', () => {
  const positions = [
    { netAddress: '172.20.2.0/24', ordinal: 0 },
    { netAddress: '172.20.1.0/24', ordinal: 0 },
    { netAddress: '172.20.1.0/24', ordinal: 1 },
  ];

  const base = { network: network({}), stored: interfaces, positions, now: new Date('2026-01-02T03:04:05.678Z') };

  it('keeps what is stored, gives new positions the lowest free index in order, and names those left over', () => {
    const plan = planInterfaces({ ...base, network: network({ interfaceBlock: 1 }) });
    expect(plan.interfaces).to.deep.equal([...interfaces, { index: 1, netAddress: '172.20.2.0/24', ordinal: 0 }]);
    expect(plan.unassigned).to.deep.equal([positions[2]]);
  });

  it('gives up only what lies outside the layout', () => {
    const stored = [...interfaces, { index: 3, netAddress: '172.20.9.0/24', ordinal: 0 }];
    const indexes = (ipam: object): number[] =>
      planInterfaces({ ...base, network: network(ipam), stored, positions: [] }).interfaces.map(({ index }) => index);
    expect(indexes({})).to.deep.equal([0, 3]);
    expect(indexes({ interfaceBlock: 1 })).to.deep.equal([0]);
  });

  it('notes since when no host has a NIC, until one has it again', () => {
    const [first] = interfaces;
    const gone = { ...first!, goneSince: '2026-01-02T03:04:05Z' };
    const later = new Date('2026-01-02T04:00:00Z');
    expect(planInterfaces({ ...base, positions: [] }).interfaces).to.deep.equal([gone]);
    expect(planInterfaces({ ...base, stored: [gone], positions: [], now: later }).interfaces).to.deep.equal([gone]);
    expect(planInterfaces({ ...base, stored: [gone], now: later }).interfaces).to.deep.include(first);
  });

  it('gives an index that is free to another NIC, unless its own is there after all', () => {
    const narrow = { ...base, network: network({ interfaceBlock: 0 }), free: new Set([0]) };
    const [second] = positions;
    const reused = planInterfaces({ ...narrow, positions: [second!] });
    expect(reused).to.deep.equal({ interfaces: [{ index: 0, ...second }], unassigned: [] });
    expect(planInterfaces({ ...narrow, positions }).interfaces).to.deep.equal(interfaces);
  });

  it('gives nothing to a network without addresses of its own', () => {
    const foreign = { ...base, network: network({ type: 'whereabouts' }), stored: [] };
    expect(planInterfaces(foreign).interfaces).to.deep.equal([]);
  });
});
