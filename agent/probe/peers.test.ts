import { expect } from 'chai';
import type { HostInterface, HostNic } from '../../core/api/types.ts';
import { type Network, readNetwork } from '../../core/network/network.ts';
import { probedNics } from './peers.ts';

const ipam = JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 7, interfaceBlock: 3 });

function network(type = 'ipvlan', more: { masterNets?: string[]; args?: Record<string, string> } = {}): Network {
  const { masterNets, args } = more;
  const plugin = { cniVersion: '0.3.1', type, ...(args && { args }) };
  const spec = { subnet: '10.200.0.0/16', ipam, plugin, ...(masterNets && { masterNets }) };
  return readNetwork({ apiVersion: 'multinic.fms.io/v1', kind: 'MultiNicNetwork', metadata: { name: 'n' }, spec });
}

/** The n-th host's NIC in 172.20.<subnet>.0/24. */
function nic(interfaceName: string, subnet: number, n: number, more: Partial<HostNic> = {}): HostNic {
  return { interfaceName, netAddress: `172.20.${subnet}.0/24`, hostIP: `172.20.${subnet}.${n}`, ...more };
}

function host(name: string, ...interfaces: HostNic[]): HostInterface {
  const spec = { hostName: name, interfaces };
  return { apiVersion: 'multinic.fms.io/v1', kind: 'HostInterface', metadata: { name }, spec };
}

/** Each with one NIC. */
function manyHosts(count: number): HostInterface[] {
  return Array.from({ length: count }, (_, i) => host(`node-${i}`, nic('eth1', 1, i % 250)));
}

describe('the NICs that are probed', () => {
  const self = host('a', nic('eth1', 1, 1), nic('eth2', 2, 1));

  it('each have the other hosts’ NICs in their subnet', () => {
    const hosts = [self, host('b', nic('ens9', 1, 2), nic('eth2', 2, 2)), host('c', nic('eth5', 2, 3))];
    const probed = probedNics([network()], self, hosts);
    expect(probed.map(({ nic: name, subnet }) => [name, subnet])).to.deep.equal([
      ['eth1', '172.20.1.0/24'],
      ['eth2', '172.20.2.0/24'],
    ]);
    expect(probed[0]?.peers).to.deep.equal([{ host: 'b', address: '172.20.1.2' }]);
    expect(probed[1]?.peers.map(({ address }) => address)).to.have.members(['172.20.2.2', '172.20.2.3']);
  });

  it('are those of networks, once however many use them', () => {
    const hosts = [host('b', nic('eth1', 1, 2), nic('eth2', 2, 2))];
    const one = network('ipvlan', { masterNets: ['172.20.2.0/24'] });
    expect(probedNics([one, one, network('macvlan', { masterNets: ['172.20.0.0/16'] })], self, hosts)).to.have.length(
      2,
    );
    expect(probedNics([one], self, hosts).map(({ nic: name }) => name)).to.deep.equal(['eth2']);
    expect(probedNics([], self, hosts)).to.deep.equal([]);
  });

  it('each have those of their rail, where every NIC has a point-to-point subnet of its own', () => {
    const paired = (rail: number, n: number): HostNic => {
      return {
        interfaceName: `eth${rail}`,
        netAddress: `10.${rail}.0.${2 * n}/31`,
        hostIP: `10.${rail}.0.${2 * n + 1}`,
        addresses: [{ netAddress: `fd00:${rail}::${2 * n}/127`, hostIP: `fd00:${rail}::${2 * n + 1}` }],
      };
    };
    const [a, b] = ['a', 'b'].map((name, n) => host(name, paired(1, n), paired(2, n)));
    const masterNets = ['10.1.0.0/16', '10.2.0.0/16', 'fd00:1::/64', 'fd00:2::/64'];
    expect(probedNics([network('ipvlan', { masterNets })], a!, [a!, b!])).to.deep.equal([
      { nic: 'eth1', subnet: '10.1.0.0/16', behindRouter: true, peers: [{ host: 'b', address: '10.1.0.3' }] },
      { nic: 'eth1', subnet: 'fd00:1::/64', behindRouter: true, peers: [{ host: 'b', address: 'fd00:1::3' }] },
      { nic: 'eth2', subnet: '10.2.0.0/16', behindRouter: true, peers: [{ host: 'b', address: '10.2.0.3' }] },
      { nic: 'eth2', subnet: 'fd00:2::/64', behindRouter: true, peers: [{ host: 'b', address: 'fd00:2::3' }] },
    ]);
    const whole = probedNics([network('ipvlan', { masterNets: ['10.0.0.0/8'] })], a!, [a!, b!]);
    expect(whole.map(({ nic: name, peers }) => [name, peers[0]?.address])).to.deep.include.members([
      ['eth1', '10.1.0.3'],
      ['eth2', '10.2.0.3'],
    ]);
  });

  it('are not those that pods take away from their hosts', () => {
    const hosts = [host('b', nic('eth1', 1, 2), nic('eth2', 2, 2))];
    for (const taking of [
      network('host-device', { masterNets: ['172.20.1.0/24'] }),
      network('macvlan', { masterNets: ['172.20.1.0/24'], args: { mode: 'passthru' } }),
    ])
      expect(probedNics([network(), taking], self, hosts).map(({ nic: name }) => name)).to.deep.equal(['eth2']);
  });

  it('are paired by their place in the subnet, as routes are, and not with NICs that are down', () => {
    const two = host('a', nic('eth1', 1, 1), nic('eth3', 1, 101));
    const hosts = [
      host('b', nic('eth1', 1, 2), nic('eth3', 1, 102)),
      host('c', nic('eth1', 1, 3)),
      host('d', nic('eth1', 1, 4, { linkState: 'down' }), nic('eth3', 1, 104)),
    ];
    const [first, second] = probedNics([network()], two, hosts);
    expect(first?.peers.map(({ address }) => address)).to.have.members(['172.20.1.2', '172.20.1.3']);
    expect(second?.peers.map(({ address }) => address)).to.have.members(['172.20.1.102', '172.20.1.104']);
  });

  it('have peers also where few hosts have as many NICs in the subnet', () => {
    const two = (name: string, n: number): HostInterface => host(name, nic('eth1', 1, n), nic('eth3', 1, n + 1));
    const hosts = [...manyHosts(200), two('b', 201), two('c', 211)];
    const [, second] = probedNics([network()], two('a', 221), hosts);
    expect(second?.peers.map(peer => peer.host)).to.have.members(['b', 'c']);
  });

  it('are also found where users write their subnets otherwise than agents', () => {
    const written = (name: string, netAddress: string, hostIP: string): HostInterface =>
      host(name, { interfaceName: 'eth1', netAddress, hostIP });
    const hosts = [written('b', '172.20.1.2/24', '172.20.1.2'), written('c', 'FD01:0::/64', 'fd01::3')];
    const both = [
      { netAddress: '172.20.1.0/24', hostIP: '172.20.1.1' },
      { netAddress: 'fd01::/64', hostIP: 'fd01::1' },
    ].map((address, i) => ({ interfaceName: `eth${i}`, ...address }));
    const asked = probedNics([network()], host('a', ...both), hosts).map(({ peers }) => peers.map(peer => peer.host));
    expect(asked).to.deep.equal([['b'], ['c']]);
  });

  it('are asked in each of their subnets, of both families, whichever makes them members', () => {
    const both = (n: number): HostNic =>
      nic('eth1', 1, n, {
        addresses: [
          { netAddress: '172.20.1.0/24', hostIP: `172.20.1.${n}` },
          { netAddress: 'fd01::/64', hostIP: `fd01::${n}` },
          { netAddress: `fd99:${n}::/64`, hostIP: `fd99:${n}::1` },
        ],
      });
    for (const any of [network(), network('ipvlan', { masterNets: ['fd01::/64'] })]) {
      const probed = probedNics([any], host('a', both(1)), [host('b', both(2))]);
      expect(probed.map(({ subnet, peers }) => [subnet, peers[0]?.address])).to.deep.equal([
        ['172.20.1.0/24', '172.20.1.2'],
        ['fd01::/64', 'fd01::2'],
      ]);
    }
  });

  it('are each asked by as many hosts as they ask', () => {
    const hosts = manyHosts(400);
    const askedBy = new Map<string, number>();
    for (const each of hosts) {
      for (const peer of probedNics([network()], each, hosts)[0]?.peers.slice(0, 3) ?? [])
        askedBy.set(peer.host, (askedBy.get(peer.host) ?? 0) + 1);
    }
    expect([...askedBy.values()]).to.have.length(400);
    expect(new Set(askedBy.values())).to.deep.equal(new Set([3]));
  });

  it('have peers in several racks, whose hosts have much of their names in common', () => {
    const hosts = Array.from({ length: 256 }, (_, i) => host(`rack-${i >> 4}-node-${i & 15}`, nic('eth1', 1, i % 250)));
    for (const each of hosts) {
      const racks = probedNics([network()], each, hosts)[0]
        ?.peers.slice(0, 9)
        .map(peer => peer.host.split('-')[1]);
      expect(new Set(racks), `${each.metadata.name} asks racks ${racks?.join()}`).to.have.property('size').above(3);
    }
  });

  it('keep their peers where a host comes that stands elsewhere in the ring', () => {
    const hosts = manyHosts(400);
    const changed = hosts.filter(each => {
      const peersOf = (all: HostInterface[]): string[] | undefined =>
        probedNics([network()], each, all)[0]
          ?.peers.slice(0, 3)
          .map(peer => peer.host);
      return peersOf(hosts)?.join() !== peersOf([...hosts, host('new', nic('eth1', 1, 251))])?.join();
    });
    expect(changed).to.have.length(3);
  });
});
