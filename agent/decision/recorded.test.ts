import { expect } from 'chai';
import { parseCidr } from '../../core/net/cidr.ts';
import type { Network } from '../../core/network/network.ts';
import { checkRecorded } from './recorded.ts';

describe('the addresses of a record', () => {
  const check =
    (network: Partial<Network>, netAddress: string, ...addresses: string[]) =>
    () => {
      checkRecorded(
        {
          network: { name: 'net', ownAddresses: true, subnets: [], masterNets: [], ...network } as unknown as Network,
          interfaces: [{ index: 0, netAddress: '172.30.1.0/24', ordinal: 0, goneSince: '2026-01-01T00:00:00Z' }],
        },
        [{ master: 'eth1', netAddress, addresses }],
      );
    };
  const strange = /MNN_POOL_UNREADABLE: network net: the pod's record has .*, which is not an address of the network/;
  const subnets = [parseCidr('10.211.0.0/16'), parseCidr('fd00:211::/48')];
  const masterNets = [parseCidr('172.20.0.0/16')];

  it('are in a subnet of the network, in both families', () => {
    expect(check({ subnets }, '172.20.1.0/24', '10.211.3.4/19', 'fd00:211::5/64')).not.to.throw();
    expect(check({ subnets }, '172.20.1.0/24', '10.211.3.4/19', 'fd00:212::5/64')).to.throw(strange);
    expect(check({ subnets }, '198.51.100.0/24', '198.51.100.1/24')).to.throw(strange);
    expect(check({ subnets }, '172.20.1.0/24', 'x')).to.throw(strange);
  });

  it('are in the host subnet where the network has none, and that is one of its own', () => {
    expect(check({ masterNets }, '172.20.1.0/24', '172.20.1.9/24')).not.to.throw();
    expect(check({}, '172.20.1.0/24', '172.20.1.9/24')).not.to.throw();
    expect(check({}, '172.20.1.0/24', '172.20.2.9/24')).to.throw(strange);
    expect(check({ masterNets }, '0.0.0.0/0', '198.51.100.1/24')).to.throw(strange);
    expect(check({ masterNets }, 'x', '172.20.1.9/24')).to.throw(strange);
  });

  it('are in a host subnet that the network had, whose pods keep theirs when masterNets is edited', () => {
    expect(check({ masterNets }, '172.30.1.0/24', '172.30.1.9/24')).not.to.throw();
    expect(check({ masterNets }, '172.30.2.0/24', '172.30.2.9/24')).to.throw(strange);
  });

  it('are not looked at if others give them', () => {
    expect(check({ ownAddresses: false }, '', '198.51.100.1/24')).not.to.throw();
  });
});
