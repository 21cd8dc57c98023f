import { expect } from 'chai';
import fc from 'fast-check';
import type { HostInterfaceSpec, MultiNicNetwork } from '../api/types.ts';
import { covers, parseCidr } from '../net/cidr.ts';
import { readNetwork } from '../network/network.ts';
import { type L3Route, routeBase, routesTo } from './desiredRoutes.ts';

function network(vlanMode: string, subnet = '10.200.0.0/16'): MultiNicNetwork {
  const ipam = JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 7, interfaceBlock: 3, vlanMode });
  return {
    apiVersion: '',
    kind: '',
    metadata: { name: 'n' },
    spec: { subnet, ipam, plugin: { cniVersion: '0.3.0', type: 'ipvlan' } },
  };
}

function host(name: string, last: number, nics = 2): HostInterfaceSpec {
  const interfaces = Array.from({ length: nics }, (_, i) => ({
    interfaceName: `eth${i + 1}`,
    netAddress: `172.20.${i}.0/24`,
    hostIP: `172.20.${i}.${last}`,
    addresses: [{ netAddress: `fd01:${i}::/64`, hostIP: `fd01:${i}::${last}` }],
  }));
  return { hostName: name, interfaces };
}

/** Routes of the first host to the others, whose host indexes are their places in the list. */
function routes(object: MultiNicNetwork, hosts: HostInterfaceSpec[], self = 0): L3Route[] {
  const interfaces = [0, 1, 2].map(index => ({ index, netAddress: `172.20.${index}.0/24`, ordinal: 0 }));
  const base = routeBase(readNetwork(object), interfaces, hosts[self]!);
  return hosts.flatMap((other, index) => (index === self ? [] : routesTo(base, other, index)));
}

describe('L3 routes', () => {
  it('lead to each block of the other hosts, by the NIC that both have', () => {
    expect(routes(network('l3'), [host('a', 11), host('b', 12), host('c', 13, 1)])).to.deep.equal([
      { dst: '10.200.0.64/26', gateway: '172.20.0.12', device: 'eth1', metric: 2 },
      { dst: '10.200.32.64/26', gateway: '172.20.1.12', device: 'eth2', metric: 2 },
      { dst: '10.200.0.128/26', gateway: '172.20.0.13', device: 'eth1', metric: 3 },
    ]);
  });

  it('lead by the router where switches route to every NIC: the other end of its point-to-point subnet', () => {
    const paired = (name: string, n: number): HostInterfaceSpec => ({
      hostName: name,
      interfaces: [1, 2].map(rail => ({
        interfaceName: `eth${rail}`,
        netAddress: `10.${rail}.0.${2 * n}/31`,
        hostIP: `10.${rail}.0.${2 * n + 1}`,
      })),
    });
    const object = network('l3');
    object.spec.masterNets = ['10.1.0.0/16', '10.2.0.0/16'];
    const interfaces = [1, 2].map(rail => ({ index: rail - 1, netAddress: `10.${rail}.0.0/16`, ordinal: 0 }));
    const base = routeBase(readNetwork(object), interfaces, paired('a', 0));
    expect(routesTo(base, paired('b', 9), 1)).to.deep.equal([
      { dst: '10.200.0.64/26', gateway: '10.1.0.0', device: 'eth1', metric: 2 },
      { dst: '10.200.32.64/26', gateway: '10.2.0.0', device: 'eth2', metric: 2 },
    ]);
  });

  it('are none in l2', () => {
    expect(routes(network('l2'), [host('a', 11), host('b', 12)])).to.deep.equal([]);
  });

  it('have both families where the network has', () => {
    expect(routes(network('l3s', '10.200.0.0/16,fd00:10::/48'), [host('a', 11, 1), host('b', 12, 1)])).to.deep.equal([
      { dst: '10.200.0.64/26', gateway: '172.20.0.12', device: 'eth1', metric: 2 },
      { dst: 'fd00:10:0:40::/58', gateway: 'fd01::12', device: 'eth1', metric: 2 },
    ]);
  });

  it('go by the address in the subnet that both have, whichever the host has first', () => {
    const [a, b] = [host('a', 11, 1), host('b', 12, 1)];
    const [nic] = b.interfaces;
    const elsewhere = [
      { netAddress: '10.9.0.0/24', hostIP: '10.9.0.12' },
      { netAddress: 'fd01:0::/64', hostIP: 'fd01:0::12' },
    ];
    const second = { netAddress: nic!.netAddress!, hostIP: nic!.hostIP! };
    const other = { ...b, interfaces: [{ ...nic!, ...elsewhere[0], addresses: [...elsewhere, second] }] };
    const object = network('l3', '10.200.0.0/16,fd00:10::/48');
    object.spec.masterNets = ['172.20.0.0/24'];
    expect(routes(object, [a, other]).map(({ gateway }) => gateway)).to.deep.equal(['172.20.0.12', 'fd01::12']);
  });

  it('are none by what is no address: users write HostInterfaces, too', () => {
    const [a, b] = [host('a', 11, 1), host('b', 12, 1)];
    const other = { ...b, interfaces: [{ ...b.interfaces[0]!, hostIP: '172.20.0.300', addresses: [] }] };
    expect(routes(network('l3'), [a, other])).to.deep.equal([]);
    expect(routes(network('l3'), [a, other, host('c', 13, 1)])).to.have.length(1);
  });

  it('never cover the own blocks, and never two of them meet', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 30 }), fc.integer({ min: 1, max: 3 }), (count, nics) => {
        const hosts = Array.from({ length: count }, (_, i) => host(`h${i}`, i + 1, nics));
        const all = routes(network('l3'), hosts).map(r => parseCidr(r.dst));
        expect(all.length).to.equal((count - 1) * nics);
        for (const [i, a] of all.entries())
          for (const b of all.slice(i + 1)) expect(covers(a, b) || covers(b, a)).to.equal(false);
        const own = new Set(routes(network('l3'), hosts, 1).map(r => r.dst));
        expect(all.length === 1 || own.size === all.length).to.equal(true);
      }),
      { numRuns: 30 },
    );
  });
});
