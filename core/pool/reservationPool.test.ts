import { expect } from 'chai';
import fc from 'fast-check';
import type { MultiNicNetwork } from '../api/types.ts';
import { formatAddress, parseAddress } from '../net/address.ts';
import { readNetwork } from '../network/network.ts';
import { pageSize } from './pages.ts';
import { reservationPool } from './reservationPool.ts';

function network(subnet: string, ipam: object) {
  return readNetwork({
    metadata: { name: 'net' },
    spec: {
      subnet,
      ipam: JSON.stringify({ type: 'multi-nic-ipam', ...ipam }),
      plugin: { cniVersion: '1.0.0', type: 'macvlan' },
    },
  } as MultiNicNetwork);
}
const nic = (address: string) => [{ netAddress: '172.20.1.0/24', addresses: [address] }];

describe('the pool of a reservation', () => {
  it('is the node’s where addresses depend on it', () => {
    const routed = network('10.200.0.0/16', { hostBlock: 7, interfaceBlock: 3 });
    expect(reservationPool(routed, nic('10.200.0.1/19'), 'n1')).to.equal('net.n1');
    expect(reservationPool(routed, nic('10.200.0.1/19'), undefined)).to.equal(undefined);
  });

  it('is the page that the address lies in, counted from its own block', () => {
    const flat = network('10.200.0.0/16', { interfaceBlock: 2 });
    fc.assert(
      fc.property(fc.nat(3), fc.nat(63), fc.nat(pageSize - 1), (index, page, offset) => {
        const value = parseAddress('10.200.0.0').value + BigInt(index * 16_384 + page * pageSize + offset);
        const address = `${formatAddress({ family: 4, value })}/18`;
        expect(reservationPool(flat, nic(address), undefined)).to.equal(`net.page.${page}`);
      }),
    );
  });

  it('is a page of the host subnet where there is no pod subnet', () => {
    expect(reservationPool(network('', {}), nic('172.20.1.9/24'), 'n1')).to.equal('net.page.0');
  });

  it('is undefined if the addresses are not the network’s', () => {
    expect(reservationPool(network('10.200.0.0/16', {}), nic('10.201.0.1/18'), 'n1')).to.equal(undefined);
    expect(reservationPool(network('10.200.0.0/16', {}), nic('nonsense'), 'n1')).to.equal(undefined);
    expect(reservationPool(network('', { type: 'whereabouts' }), nic('172.20.1.9/24'), 'n1')).to.equal(undefined);
  });
});
