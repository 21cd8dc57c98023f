import { expect } from 'chai';
import fc from 'fast-check';
import { apiVersion } from '../api/names.ts';
import type { HostNic } from '../api/types.ts';
import { membersOf } from '../layout/members.ts';
import { parseAddress } from '../net/address.ts';
import { AddressIndex } from '../net/addressIndex.ts';
import { type Network, readNetwork } from '../network/network.ts';
import { allocate } from '../pool/allocate.ts';
import { claimsOnNode } from '../pool/claim.ts';
import { emptyPool } from '../pool/content.ts';
import { capacityLimit, nodeCapacity, wholeQuantity } from './nodeCapacity.ts';

const nic = (name: string, netAddress: string, linkState: 'up' | 'down' = 'up'): HostNic => ({
  interfaceName: name,
  netAddress,
  linkState,
});
const nics = [nic('eth1', '172.20.1.0/24'), nic('eth2', '172.20.2.0/24')];
const interfaces = [
  { index: 0, netAddress: '172.20.1.0/24', ordinal: 0 },
  { index: 1, netAddress: '172.20.2.0/24', ordinal: 0 },
];

function network(subnet: string | undefined, ipam: object = {}): Network {
  return readNetwork({
    apiVersion,
    kind: 'MultiNicNetwork',
    metadata: { name: 'net' },
    spec: {
      ...(subnet !== undefined && { subnet }),
      ipam: JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 6, interfaceBlock: 2, ...ipam }),
      plugin: { cniVersion: '1.0.0', type: 'ipvlan' },
    },
  });
}

function capacity(
  of: Network,
  hostNics: HostNic[],
  hostIndex?: number,
  hostAddresses: string[] = [],
): number | undefined {
  const members = membersOf(of, { hostName: 'a', interfaces: hostNics });
  const index = new AddressIndex();
  for (const text of hostAddresses) index.add(parseAddress(text));
  return nodeCapacity({ network: of, interfaces, members, hostIndex, hostAddresses: index });
}

describe('nodeCapacity', () => {
  it('is what the scarcest NIC has, in both families', () => {
    expect(capacity(network('10.200.0.0/16'), nics, 1)).to.equal(254);
    expect(capacity(network('10.200.0.0/16', { excludeCIDRs: ['10.200.65.0/25'] }), nics, 1)).to.equal(127);
    expect(capacity(network('10.200.0.0/20,fd00::/64', { hostBlock: 7 }), nics, 1)).to.equal(6);
    expect(capacity(network('fd00::/64'), nics, 1)).to.equal(capacityLimit);
  });

  it('is without the gateways of the network’s routes, which pods get only if they ask for them', () => {
    const routed = network('10.200.0.0/16', { routes: [{ dst: '192.0.2.0/24', gw: '10.200.1.1' }] });
    expect(capacity(routed, nics, 0)).to.equal(254);
    expect(capacity(routed, nics, 1)).to.equal(253);
  });

  it('passes over NICs that are down, and is 0 where all are', () => {
    const [first, second] = nics.map(({ interfaceName, netAddress = '' }) => nic(interfaceName, netAddress, 'down'));
    const excluding = network('10.200.0.0/16', { excludeCIDRs: ['10.200.65.0/25'] });
    expect(capacity(excluding, [nics[0]!, second!], 1)).to.equal(254);
    expect(capacity(excluding, [first!, second!], 1)).to.equal(0);
  });

  it('is absent without addresses of its own, a NIC or a block', () => {
    expect(capacity(network('10.200.0.0/16', { type: 'whereabouts' }), nics, 1)).to.equal(undefined);
    expect(capacity(network('10.200.0.0/16'), [], 1)).to.equal(undefined);
    expect(capacity(network('10.200.0.0/16'), nics)).to.equal(undefined);
    expect(capacity(network('10.200.0.0/16'), [...nics, nic('eth3', '172.20.3.0/24')], 1)).to.equal(undefined);
  });

  it('is the whole range where addresses do not depend on the node', () => {
    expect(capacity(network('10.200.0.0/20', { hostBlock: 0 }), nics)).to.equal(1022);
  });

  it('leaves the hosts their addresses where pods share the host subnet, and the NICs share the range', () => {
    const own = network(undefined, { hostBlock: 2, interfaceBlock: 0 });
    const shared = [nic('eth1', '172.20.1.0/24'), nic('eth2', '172.20.1.0/24')];
    expect(capacity(own, nics.slice(0, 1), 0, ['172.20.1.17', '172.20.1.18', '172.20.1.200'])).to.equal(60);
    expect(capacity(own, shared, 0, ['172.20.1.17'])).to.equal(30);
  });

  it('is exactly how many attachments the pool grants', () => {
    const layouts = fc.record({
      hostBlock: fc.integer({ min: 7, max: 9 }),
      hostIndex: fc.integer({ min: 0, max: 127 }),
      excludes: fc.array(fc.tuple(fc.nat(0xffff), fc.integer({ min: 24, max: 32 })), { maxLength: 6 }),
    });
    fc.assert(
      fc.property(layouts, ({ hostBlock, hostIndex, excludes }) => {
        const excludeCIDRs = excludes.map(([offset, prefix]) => `10.200.${offset >> 8}.${offset & 255}/${prefix}`);
        const of = network('10.200.0.0/18', { hostBlock, excludeCIDRs });
        const host = { hostName: 'a', interfaces: nics };
        const claims = claimsOnNode({ network: of, interfaces }, { name: 'a', host, hostIndex }, { request: {} }).nics;
        let granted = 0;
        let content = emptyPool;
        for (;;) {
          const claimant = { podUID: `p${granted}`, namespace: 'n', name: 'p', interface: 'net1' };
          const grant = allocate(content, { claimant, nics: claims }, { now: new Date(0), coolDownMs: 0 });
          if (!grant.ok) break;
          content = grant.content ?? content;
          granted++;
        }
        expect(granted).to.equal(capacity(of, nics, hostIndex));
      }),
      { numRuns: 60 },
    );
  });
});

describe('wholeQuantity', () => {
  it('reads whole quantities as the API server writes them', () => {
    expect(['62', '1k', '1022', '4M', '0'].map(wholeQuantity)).to.deep.equal([62, 1000, 1022, 4_000_000, 0]);
    expect([undefined, '', '100m', '1Ki', '1.5k'].map(wholeQuantity)).to.deep.equal(Array(5).fill(undefined));
  });
});
