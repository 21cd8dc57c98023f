import { expect } from 'chai';
import type { AddressInfo, LinkInfo, RouteInfo } from '../netlink/types.ts';
import { hostNic, type LinkDump, nicLinks, vlanParent } from './hostNics.ts';

let nextIndex = 1;

function link(name: string, over: Partial<LinkInfo> = {}): LinkInfo {
  return {
    ...{ index: nextIndex++, name, altNames: [], alias: null, hardwareType: 1, mac: '02:00:00:00:00:01' },
    ...{ permanentMac: null, mtu: 1500, up: true, lowerUp: true, loopback: false, kind: null, parentIndex: null },
    ...{ linkNetnsId: null, master: null, masterKind: null, parentDevice: null, ipvlan: null, macvlan: null },
    ...over,
  };
}

function address(dev: LinkInfo, text: string, over: Partial<AddressInfo> = {}): AddressInfo {
  return {
    ...{ family: text.includes(':') ? 6 : 4, dev: dev.index, address: text },
    ...{ scope: 'global', flags: 0x80, permanent: true, dadFailed: false },
    ...over,
  };
}

function defaultRoute(dev: LinkInfo, metric: number, dst = '0.0.0.0/0'): RouteInfo {
  return {
    family: 4,
    dst,
    dev: dev.index,
    table: 254,
    protocol: 4,
    scope: 'global',
    type: 'unicast',
    metric,
    flags: 0,
  };
}

/** What a router advertises, or an address with a subnet brings along. */
function onLinkRoute(dev: LinkInfo, dst: string, over: Partial<RouteInfo> = {}): RouteInfo {
  return { ...defaultRoute(dev, 256, dst), family: dst.includes(':') ? 6 : 4, scope: 'link', ...over };
}

function namesOf(dump: LinkDump, options = {}): string[] {
  return nicLinks(dump, options).map(({ name }) => name);
}

/** Each link with an address of its own. */
function addressed(...links: LinkInfo[]): LinkDump {
  return { links, addresses: links.map((item, i) => address(item, `10.${i}.0.1/24`)), routes: [] };
}

describe('nicLinks', () => {
  it('lists every kind of NIC, in natural order', () => {
    const kinds = ['bond', 'vlan', 'veth', 'ipoib', 'team'].map(kind => link(`${kind}0`, { kind }));
    expect(namesOf(addressed(link('eth10'), link('eth9'), ...kinds))).to.deep.equal([
      ...['bond0', 'eth9', 'eth10', 'ipoib0', 'team0', 'veth0', 'vlan0'],
    ]);
  });

  it('leaves out the loopback, tunnels, bridges, ports, sub-interfaces and its own host ends', () => {
    const kinds = [
      'bridge',
      'vxlan',
      'geneve',
      'ipip',
      'wireguard',
      'tun',
      'dummy',
      'ipvlan',
      'macvlan',
      'openvswitch',
    ];
    const links = kinds.map(kind => link(`${kind}0`, { kind }));
    const port = link('port', { kind: 'veth', master: 77, masterKind: 'bridge' });
    const slave = link('slave', { master: 78, masterKind: 'bond' });
    const ours = link('mnp0123456789ab', { kind: 'veth' });
    const inVrf = link('eth1', { master: 79, masterKind: 'vrf' });
    const all = [link('lo', { loopback: true }), ...links, port, slave, ours, inVrf];
    expect(namesOf(addressed(...all))).to.deep.equal(['eth1']);
  });

  it('leaves out the primary NIC by the best default route, not by its subnet', () => {
    const [a, b, c] = [link('eth0'), link('eth1'), link('eth2')];
    const addresses = [a, b, c].map((item, i) => address(item, `10.0.0.${i + 1}/24`));
    expect(
      namesOf({ links: [a, b, c], addresses, routes: [defaultRoute(b, 200), defaultRoute(a, 100)] }),
    ).to.deep.equal(['eth1', 'eth2']);
    expect(
      namesOf({ links: [a, b, c], addresses, routes: [defaultRoute(a, 100)] }, { withPrimary: true }),
    ).to.deep.equal(['eth0', 'eth1', 'eth2']);
    expect(namesOf({ links: [a, b, c], addresses, routes: [defaultRoute(c, 1024, '::/0')] })).to.deep.equal([
      'eth0',
      'eth1',
    ]);
  });

  it('leaves out the NIC with the address of the node where there is no default route', () => {
    const [a, b] = [link('eth0'), link('eth1')];
    const addresses = [address(a, '10.0.0.1/24'), address(a, 'fd00::1/64'), address(b, '10.1.0.1/24')];
    const dump = { links: [a, b], addresses, routes: [] };
    expect(namesOf(dump)).to.deep.equal(['eth0', 'eth1']);
    for (const nodeIp of ['10.0.0.1', 'FD00:0::1']) expect(namesOf(dump, { nodeIp }), nodeIp).to.deep.equal(['eth1']);
    expect(namesOf(dump, { nodeIp: '10.0.0.1', withPrimary: true })).to.deep.equal(['eth0', 'eth1']);
    // Where the node's address is on another NIC than the default route, that one may be meant for pods.
    expect(namesOf({ ...dump, routes: [defaultRoute(a, 0)] }, { nodeIp: '10.1.0.1' })).to.deep.equal(['eth1']);
  });

  it('leaves out the NIC with the address of the node also while only NICs that were offered have a default route', () => {
    const [primary, one] = [link('eth0'), link('eth1')];
    const dump = { ...addressed(primary, one), routes: [defaultRoute(one, 200)] };
    const names = (...known: string[]): string[] =>
      nicLinks(
        dump,
        { nodeIp: '10.0.0.1' },
        known.map(interfaceName => ({ interfaceName })),
      ).map(({ name }) => name);
    expect(names('eth1')).to.deep.equal(['eth1']);
    // Nobody has looked before, or it was so before.
    expect(names()).to.deep.equal(['eth0']);
    expect(names('eth0')).to.deep.equal(['eth0']);
  });

  it('leaves out the NIC with the address of the node where several have a default route that is as good', () => {
    const [primary, one, two] = [link('eth0'), link('eth1'), link('eth2')];
    const links = [primary, one, two];
    const addresses = links.map((item, i) => address(item, `fd00:${i}::1/64`));
    const nexthops = [two, primary, one].map(({ index: dev }) => ({ dev, gateway: 'fe80::1', weight: 1 }));
    const dumps = [
      [{ ...defaultRoute(two, 1024, '::/0'), nexthops }],
      [two, primary, one].map(item => defaultRoute(item, 1024, '::/0')),
    ];
    for (const routes of dumps) {
      const dump = { links, addresses, routes };
      expect(namesOf(dump, { nodeIp: 'fd00:0::1' })).to.deep.equal(['eth1', 'eth2']);
      // The node's address is on none of them: what was offered stays so, in whatever order the routes come.
      const known = [{ interfaceName: 'eth0' }, { interfaceName: 'eth2' }];
      expect(nicLinks(dump, { nodeIp: '10.9.9.9' }, known).map(({ name }) => name)).to.deep.equal(['eth0', 'eth2']);
      // A better one is what counts.
      const better = { ...dump, routes: [...routes, defaultRoute(one, 100, '::/0')] };
      expect(namesOf(better, { nodeIp: 'fd00:0::1' })).to.deep.equal(['eth0', 'eth2']);
    }
  });

  it('needs an address that means something', () => {
    const [none, local, temporary, global] = [link('a'), link('b'), link('c'), link('d')];
    const addresses = [
      address(local, 'fe80::1/64', { scope: 'link' }),
      address(temporary, 'fd00::77/64', { flags: 0x01, permanent: false }),
      address(global, 'fd00::1/64'),
    ];
    expect(namesOf({ links: [none, local, temporary, global], addresses, routes: [] })).to.deep.equal(['d']);
  });

  it('leaves out the host ends of pods that other plugins gave an address for the pod alone', () => {
    const [point, point6, nic, cloud] = [
      link('veth1a2b3c4d', { kind: 'veth', linkNetnsId: 4 }),
      link('lxc7', { kind: 'veth', linkNetnsId: 5 }),
      link('eth1', { kind: 'veth', linkNetnsId: 0 }),
      link('ens5'),
    ];
    const addresses = [
      address(point, '10.244.1.1/32'),
      address(point6, '10.244.1.1/32'),
      address(point6, 'fd00:10:244::1/128'),
      address(nic, '172.20.1.11/24'),
      address(cloud, '10.128.0.7/32'),
    ];
    expect(namesOf({ links: [point, point6, nic, cloud], addresses, routes: [] })).to.deep.equal(['ens5', 'eth1']);
  });

  it('takes the IPv6 address of DHCPv6 or of router advertisements where there is no other', () => {
    const leased = link('eth1');
    const both = link('eth2');
    const lease = { permanent: false, flags: 0 };
    const addresses = [
      address(leased, 'fd00:1::77/64', { permanent: false, flags: 0x01 }),
      address(leased, 'fd00:1::11/128', lease),
      address(both, '172.20.2.11/24', lease),
      address(both, 'fd00:2::11/64', lease),
    ];
    expect(namesOf({ links: [leased, both], addresses, routes: [] })).to.deep.equal(['eth1', 'eth2']);
    expect(hostNic(leased, { addresses, routes: [] }, {})).to.include({
      netAddress: 'fd00:1::11/128',
      hostIP: 'fd00:1::11',
    });
    expect(hostNic(both, { addresses, routes: [] }, {}))
      .to.include({ hostIP: '172.20.2.11' })
      .and.not.to.have.property('addresses');
  });
});

describe('vlanParent', () => {
  it('is the link with that number, unless it is in another namespace', () => {
    const parent = link('eth1');
    const vlan = link('tenant', { kind: 'vlan', parentIndex: parent.index });
    expect(vlanParent(vlan, [parent, vlan])).to.equal('eth1');
    expect(vlanParent({ ...vlan, linkNetnsId: 0 }, [parent, vlan])).to.equal(undefined);
    expect(vlanParent({ ...vlan, kind: 'veth' }, [parent, vlan])).to.equal(undefined);
  });
});

describe('hostNic', () => {
  it('has the alternative names that other hosts may have, too', () => {
    const eth1 = link('eth1', { altNames: ['enx0200000000aa', 'enp59s0f0', 'ens1f0'] });
    expect(hostNic(eth1, { addresses: [], routes: [] }, {}).altNames).to.deep.equal(['enp59s0f0', 'ens1f0']);
    expect(
      hostNic(link('eth2', { altNames: ['enx0200000000aa'] }), { addresses: [], routes: [] }, {}),
    ).not.to.have.property('altNames');
  });

  it('is in the subnet that is on its link, where DHCPv6 gave it an address alone', () => {
    const eth1 = link('eth1');
    const addresses = [address(eth1, 'fd00:1::11/128', { permanent: false })];
    const routes = [
      onLinkRoute(link('eth2'), 'fd00:1::/80'),
      onLinkRoute(eth1, 'fd00:1::/72', { gateway: 'fe80::1' }),
      onLinkRoute(eth1, 'fd00:1::/76', { table: 1000 }),
      onLinkRoute(eth1, 'fd00:1::11/128'),
      onLinkRoute(eth1, 'fd00::/16'),
      onLinkRoute(eth1, 'fd00:1::/64'),
      onLinkRoute(eth1, '::/0'),
    ];
    expect(hostNic(eth1, { addresses, routes }, {})).to.include({ netAddress: 'fd00:1::/64', hostIP: 'fd00:1::11' });
  });

  it('lists an address that moves from host to host after its own', () => {
    const eth1 = link('eth1');
    // As the kernel tells them: of IPv6 the newest first.
    const addresses = [
      ...['10.1.0.9/32', '10.1.0.11/24', '10.9.9.9/32'],
      ...['fd00:9::9/128', 'fd00:1::9/128', 'fd00:2::11/64', 'fd00:1::11/64'],
    ].map(text => address(eth1, text));
    const routes = [onLinkRoute(eth1, '10.1.0.0/24'), onLinkRoute(eth1, 'fd00:1::/64')];
    const { addresses: found = [], hostIP } = hostNic(eth1, { addresses, routes }, {});
    expect(hostIP).to.equal('10.1.0.11');
    expect(found.map(each => `${each.hostIP} in ${each.netAddress}`)).to.deep.equal([
      ...['10.1.0.11 in 10.1.0.0/24', '10.1.0.9 in 10.1.0.0/24', '10.9.9.9 in 10.9.9.9/32'],
      ...['fd00:1::11 in fd00:1::/64', 'fd00:2::11 in fd00:2::/64'],
      ...['fd00:1::9 in fd00:1::/64', 'fd00:9::9 in fd00:9::9/128'],
    ]);
  });

  it('stays in the subnet that it was known in, in whatever order the host gave it its addresses this time', () => {
    const eth1 = link('eth1');
    const subnetOf = (texts: string[], netAddress: string): string | undefined => {
      const addresses = texts.map(text => address(eth1, text));
      return hostNic(eth1, { addresses, routes: [] }, {}, { netAddress }).netAddress;
    };
    for (const [subnet, one, two] of [
      ['fd00:1::/64', 'fd00:1::11/64', 'fd00:2::11/64'],
      ['10.1.0.0/24', '10.1.0.11/24', '10.2.0.11/24'],
    ] as const) {
      expect(subnetOf([one, two], subnet)).to.equal(subnet);
      expect(subnetOf([two, one], subnet)).to.equal(subnet);
    }
    // IPv4 first, as ever; and an address alone is not what it was known in for good.
    expect(subnetOf(['10.1.0.11/24', 'fd00:1::11/64'], 'fd00:1::/64')).to.equal('10.1.0.0/24');
    expect(subnetOf(['fd00:1::11/64', 'fd00:9::9/128'], 'fd00:9::9/128')).to.equal('fd00:1::/64');
    expect(subnetOf(['fd00:1::11/64'], 'fd00:2::/64')).to.equal('fd00:1::/64');
  });

  it('records IPv4 first, all addresses where there are more, and whether traffic flows', () => {
    const eth1 = link('eth1', { lowerUp: false, mtu: 9000 });
    const addresses = [
      address(eth1, 'fd00:0::1/64'),
      address(eth1, '172.20.1.17/24'),
      address(eth1, 'fe80::1/64', { scope: 'link' }),
    ];
    expect(
      hostNic(eth1, { addresses, routes: [] }, { vendor: '15b3', product: '101d', pciAddress: '0000:3b:00.0' }),
    ).to.deep.equal({
      interfaceName: 'eth1',
      netAddress: '172.20.1.0/24',
      hostIP: '172.20.1.17',
      vendor: '15b3',
      product: '101d',
      pciAddress: '0000:3b:00.0',
      mac: '02:00:00:00:00:01',
      mtu: 9000,
      linkState: 'down',
      addresses: [
        { netAddress: '172.20.1.0/24', hostIP: '172.20.1.17' },
        { netAddress: 'fd00::/64', hostIP: 'fd00::1' },
      ],
    });
  });
});
