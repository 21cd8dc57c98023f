import { expect } from 'chai';
import type { RouteInfo } from '../netlink/netlink.ts';
import { reachedBy } from './railPeers.ts';

const device = 7;
const peers = ['10.1.0.3', '10.1.2.5'].map(address => ({ host: address, address }));
const probed = { nic: 'eth1', subnet: '10.1.0.0/16', behindRouter: true, peers } as const;

function route(dst: string, more: Partial<RouteInfo> = {}): RouteInfo {
  return { dst, dev: device, gateway: '10.1.0.0', type: 'unicast', ...more } as RouteInfo;
}

/** The addresses that are asked. */
function asked(...routes: RouteInfo[]): string[] {
  return reachedBy(probed, device, routes)?.peers.map(({ address }) => address) ?? [];
}

describe('peers on a rail', () => {
  it('are asked where a route leads to them out of the NIC, alone or among others', () => {
    expect(asked(route('10.1.0.0/16'))).to.deep.equal(['10.1.0.3', '10.1.2.5']);
    expect(asked(route('10.1.2.4/31'))).to.deep.equal(['10.1.2.5']);
    const nexthops = [{ dev: 6 }, { dev: device }];
    expect(asked({ ...route('0.0.0.0/0', { nexthops }), dev: undefined } as unknown as RouteInfo)).to.have.length(2);
  });

  it('are not where none does: the kernel would look for neighbours', () => {
    expect(asked()).to.deep.equal([]);
    expect(asked(route('10.1.0.0/16', { dev: 6 }), route('10.1.0.0/16', { type: 'blackhole' }))).to.deep.equal([]);
    expect(asked(route('::/0'))).to.deep.equal([]);
  });

  it('are all asked where they are neighbours', () => {
    const near = { nic: 'eth1', subnet: '10.1.0.0/16', peers };
    expect(reachedBy(near, device, [])).to.equal(near);
  });
});
