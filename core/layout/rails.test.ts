import { expect } from 'chai';
import type { HostInterfaceSpec, HostNic } from '../api/types.ts';
import { parseCidr } from '../net/cidr.ts';
import { membersOf, routerOf } from './members.ts';

const rails = { masterNets: ['10.1.0.0/16', '10.2.0.0/16', 'fd00:1::/48'].map(parseCidr), fromHosts: false };
const whole = { masterNets: [parseCidr('10.0.0.0/8')], fromHosts: false };

/** The n-th pair of addresses of a rail; hosts have the odd ones. */
function nic(interfaceName: string, rail: number, n: number, prefix = 31): HostNic {
  return { interfaceName, netAddress: `10.${rail}.0.${2 * n}/${prefix}`, hostIP: `10.${rail}.0.${2 * n + 1}` };
}

function host(...interfaces: HostNic[]): HostInterfaceSpec {
  return { hostName: 'a', interfaces };
}

function positions(network: typeof rails, spec: HostInterfaceSpec): string[] {
  return membersOf(network, spec).map(
    ({ nic: { interfaceName }, netAddress, ordinal }) => `${interfaceName} ${netAddress} ${ordinal}`,
  );
}

describe('rails', () => {
  it('are what masterNets names: NICs in its point-to-point subnets have the same place on every host', () => {
    expect(positions(rails, host(nic('eth1', 2, 7), nic('eth2', 1, 7)))).to.deep.equal([
      'eth2 10.1.0.0/16 0',
      'eth1 10.2.0.0/16 0',
    ]);
    expect(positions(rails, host(nic('eth1', 1, 0), nic('eth2', 2, 0)))).to.deep.equal([
      'eth1 10.1.0.0/16 0',
      'eth2 10.2.0.0/16 0',
    ]);
  });

  it('are numbered by the NICs’ names where one entry has them all, whatever their subnets', () => {
    expect(positions(whole, host(nic('eth10', 1, 3), nic('eth2', 2, 1), nic('eth1', 2, 5)))).to.deep.equal([
      'eth1 10.0.0.0/8 0',
      'eth2 10.0.0.0/8 1',
      'eth10 10.0.0.0/8 2',
    ]);
  });

  it('are no wider subnets, none without masterNets, and none where pods get addresses of the host subnets', () => {
    const wide = { interfaceName: 'eth1', netAddress: '10.1.4.0/24', hostIP: '10.1.4.9' };
    expect(positions(rails, host(wide))).to.deep.equal(['eth1 10.1.4.0/24 0']);
    const pair = host(nic('eth1', 1, 2));
    for (const other of [
      { ...rails, masterNets: [] },
      { ...rails, fromHosts: true },
      { ...rails, masterNets: [parseCidr('10.1.0.4/31')] },
    ]) {
      expect(positions(other, pair)).to.deep.equal(['eth1 10.1.0.4/31 0']);
    }
  });
});

describe('the router of a NIC', () => {
  const routers = (network: typeof rails, ...interfaces: HostNic[]): (string | number | undefined)[] =>
    membersOf(network, host(...interfaces)).flatMap(member =>
      ([4, 6] as const).map(family => routerOf(network, member, family)?.value.toString(16)),
    );

  it('is the other end of its point-to-point subnet, of each family', () => {
    const six = [{ netAddress: 'fd00:1::2/127', hostIP: 'fd00:1::3' }];
    expect(routers(rails, { ...nic('eth1', 1, 1), addresses: six })).to.deep.equal([
      'a010002',
      'fd000001000000000000000000000002',
    ]);
    const four = { interfaceName: 'eth1', netAddress: '10.1.0.4/30', hostIP: '10.1.0.5' };
    expect(routers(rails, four)).to.deep.equal(['a010006', undefined]);
    expect(routers(rails, { ...four, hostIP: '10.1.0.6' })).to.deep.equal(['a010005', undefined]);
  });

  it('is the other end in both families where masterNets names the rail by one: nobody else is in such a subnet', () => {
    const six = [{ netAddress: 'fd00:9::2/127', hostIP: 'fd00:9::3' }];
    expect(routers(rails, { ...nic('eth1', 1, 1), addresses: six })).to.deep.equal([
      'a010002',
      'fd000009000000000000000000000002',
    ]);
    const wide = [{ netAddress: 'fd00:9::/64', hostIP: 'fd00:9::3' }];
    expect(routers(rails, { ...nic('eth1', 1, 1), addresses: wide })).to.deep.equal(['a010002', undefined]);
    const ofRail = [{ netAddress: '10.1.0.8/31', hostIP: '10.1.0.9' }];
    expect(routers(rails, { ...nic('eth1', 7, 1), addresses: ofRail })).to.deep.equal(['a010008', undefined]);
  });

  it('is none where counterparts are neighbours', () => {
    expect(routers(rails, { interfaceName: 'eth1', netAddress: '10.1.4.0/24', hostIP: '10.1.4.9' })).to.deep.equal([
      undefined,
      undefined,
    ]);
    expect(routers({ ...rails, masterNets: [] }, nic('eth1', 1, 1))).to.deep.equal([undefined, undefined]);
  });

  it('is not guessed from an address that is no end', () => {
    const strange = { interfaceName: 'eth1', netAddress: '10.1.0.4/30', hostIP: '10.1.0.4' };
    expect(routers(rails, strange)).to.deep.equal([undefined, undefined]);
  });
});
