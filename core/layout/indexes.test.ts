import { expect } from 'chai';
import fc from 'fast-check';
import { apiVersion } from '../api/names.ts';
import { formatAddress } from '../net/address.ts';
import { parseCidr } from '../net/cidr.ts';
import { readNetwork } from '../network/network.ts';
import { assignHostIndexes } from './assignHostIndexes.ts';
import { blocksOf, hostIndexOf } from './hostBlocks.ts';
import { HostIndexes, hostIndexes, type HostPage, hostsPerPage } from './hostIndex.ts';
import { assignInterfaceIndexes } from './interfaceIndex.ts';
import { isUsable } from './layout.ts';

const any = (): boolean => true;

/** Writes the changed pages as the controller does. */
function write(pages: HostPage[], changed: HostPage[]): HostPage[] {
  const byPage = new Map(pages.map(page => [page.page, page]));
  for (const page of changed) byPage.set(page.page, page);
  return [...byPage.values()];
}

describe('host indexes', () => {
  it('never move, never collide, and stay within the limit, whichever hosts come and go', () => {
    const names = fc.subarray(Array.from({ length: 40 }, (_, i) => `node-${i}`));
    fc.assert(
      fc.property(fc.array(names, { maxLength: 12 }), fc.integer({ min: 1, max: 64 }), (steps, limit) => {
        let pages: HostPage[] = [];
        for (const hosts of steps) {
          const before = hostIndexes(pages);
          const { changed, unassigned } = assignHostIndexes(pages, hosts, { limit, usable: any });
          pages = write(pages, changed);
          const after = hostIndexes(pages);
          expect([...after.keys()].sort()).to.deep.equal(hosts.filter(h => !unassigned.includes(h)).sort());
          expect(new Set(after.values()).size).to.equal(after.size);
          for (const [host, index] of after) {
            expect(index).to.be.lessThan(limit);
            if (before.has(host)) expect(index).to.equal(before.get(host));
          }
          if (unassigned.length > 0) expect(after.size).to.equal(limit);
        }
      }),
    );
  });

  it('read page by page equal those read all at once, and every host whose index changed is reported', () => {
    const host = fc.record({ hostName: fc.constantFrom('a', 'b', 'c', 'd'), hostIndex: fc.nat(9) });
    const step = fc.tuple(
      fc.constantFrom('p', 'q', 'r'),
      fc.option(fc.array(host, { maxLength: 4 }), { nil: undefined }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), steps => {
        const live = new HostIndexes();
        const pages = new Map<string, HostPage>();
        for (const [name, hosts] of steps) {
          const before = new Map(live.indexes);
          const told = live.setPage(name, hosts && { page: 0, hosts });
          if (hosts) pages.set(name, { page: 0, hosts });
          else pages.delete(name);
          const lowest = (wanted: string): number =>
            Math.min(
              ...[...pages.values()].flatMap(page =>
                page.hosts.filter(h => h.hostName === wanted).map(h => h.hostIndex),
              ),
            );
          for (const wanted of ['a', 'b', 'c', 'd'])
            expect(live.indexes.get(wanted) ?? Infinity).to.equal(lowest(wanted));
          const moved = ['a', 'b', 'c', 'd'].filter(wanted => live.indexes.get(wanted) !== before.get(wanted));
          expect(told.sort()).to.deep.equal(moved);
        }
      }),
    );
  });

  it('write one page for one new host', () => {
    const hosts = Array.from({ length: 200 }, (_, i) => `n${i}`);
    const { changed: pages } = assignHostIndexes([], hosts, { limit: 1024, usable: any });
    expect(pages.map(p => p.hosts.length)).to.deep.equal([hostsPerPage, hostsPerPage, hostsPerPage, 8]);
    const { changed } = assignHostIndexes(pages, [...hosts, 'new'], { limit: 1024, usable: any });
    expect(changed.map(p => p.page)).to.deep.equal([3]);
    expect(changed[0]?.hosts.at(-1)).to.deep.equal({ hostName: 'new', hostIndex: 200 });
  });

  it('let a freed index rest until the end is reached', () => {
    const { changed: pages } = assignHostIndexes([], ['a', 'b', 'c'], { limit: 4, usable: any });
    const gone = write(pages, assignHostIndexes(pages, ['b', 'c'], { limit: 4, usable: any }).changed);
    const next = write(gone, assignHostIndexes(gone, ['b', 'c', 'd'], { limit: 4, usable: any }).changed);
    expect(hostIndexes(next).get('d')).to.equal(3);
    const last = write(next, assignHostIndexes(next, ['b', 'c', 'd', 'e'], { limit: 4, usable: any }).changed);
    expect(hostIndexes(last).get('e')).to.equal(0);
  });

  it('skip what may not be given out', () => {
    const { changed } = assignHostIndexes([], ['a', 'b'], { limit: 8, usable: index => index !== 0 && index !== 2 });
    expect(changed[0]?.hosts.map(h => h.hostIndex)).to.deep.equal([1, 3]);
  });
});

describe('the host index of an address', () => {
  const position = { netAddress: '172.20.0.0/16', ordinal: 0 };
  const interfaces = [{ index: 2, ...position }];
  for (const subnet of ['10.200.0.0/16', 'fd00:200::/48', '']) {
    it(`is that of the block which holds it, with the subnet "${subnet}"`, () => {
      const network = readNetwork({
        apiVersion,
        kind: 'MultiNicNetwork',
        metadata: { name: 'net' },
        spec: {
          subnet,
          ipam: JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 7, interfaceBlock: 3 }),
          plugin: { cniVersion: '1.0.0', type: 'macvlan' },
        },
      });
      fc.assert(
        fc.property(fc.nat(127), fc.nat(63), (hostIndex, offset) => {
          const [block] = blocksOf(network, interfaces, position, hostIndex);
          const { family, base } = block!.pod;
          const address = { family, value: base + BigInt(offset) };
          expect(hostIndexOf(network, position.netAddress, address)).to.equal(hostIndex);
        }),
      );
      expect(hostIndexOf(network, position.netAddress, { family: 4, value: 1n })).to.equal(undefined);
    });
  }
});

describe('blocks of a host subnet', () => {
  const firstOf = (type: string, hostIndex: number, netAddress = '10.0.16.0/24'): string | undefined => {
    const network = readNetwork({
      apiVersion,
      kind: 'MultiNicNetwork',
      metadata: { name: 'net' },
      spec: { ipam: JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 2 }), plugin: { cniVersion: '1.0.0', type } },
    });
    const [block] = blocksOf(network, [], { netAddress, ordinal: 0 }, hostIndex);
    const { family, base } = block!.pod;
    const few = Array.from({ length: 8 }, (_, i) => ({ family, value: base + BigInt(i) }));
    const first = few.find(address => isUsable(block!.pod, block!.excludes, address));
    return first && formatAddress(first);
  };

  it('leave out what AWS reserves of every subnet, where it has to assign the addresses: the first four', () => {
    expect(firstOf('aws-ipvlan', 0)).to.equal('10.0.16.4');
    expect(firstOf('aws-ipvlan', 1)).to.equal('10.0.16.65');
    expect(firstOf('ipvlan', 0)).to.equal('10.0.16.1');
    expect(firstOf('aws-ipvlan', 0, 'fd00:16::/64')).to.equal('fd00:16::4');
  });
});

describe('interface indexes', () => {
  const subnet = { subnet: parseCidr('10.0.0.0/16'), interfaceBits: 2, hostBits: 4, excludes: [] };
  const a0 = { netAddress: '172.20.1.0/24', ordinal: 0 };
  const a1 = { netAddress: '172.20.1.0/24', ordinal: 1 };
  const b0 = { netAddress: '172.20.2.0/24', ordinal: 0 };

  it('count every NIC of a host in one subnet', () => {
    const { interfaces } = assignInterfaceIndexes([], [a0, a1, b0], [subnet]);
    expect(interfaces).to.deep.equal([
      { index: 0, ...a0 },
      { index: 1, ...a1 },
      { index: 2, ...b0 },
    ]);
  });

  it('keep what was given, also to a position that is not wanted now', () => {
    const { interfaces } = assignInterfaceIndexes([{ index: 2, ...b0 }], [a0], [subnet]);
    expect(interfaces).to.deep.equal([
      { index: 0, ...a0 },
      { index: 2, ...b0 },
    ]);
  });

  it('skip an interface range that excludes cover, one or several, and report what does not fit', () => {
    for (const excludes of [['10.0.0.0/17'], ['10.0.0.0/18', '10.0.64.0/18']]) {
      const layout = { ...subnet, interfaceBits: 1, excludes: excludes.map(parseCidr) };
      const { interfaces, unassigned } = assignInterfaceIndexes([], [a0, b0], [layout]);
      expect(interfaces).to.deep.equal([{ index: 1, ...a0 }]);
      expect(unassigned).to.deep.equal([b0]);
    }
  });
});
