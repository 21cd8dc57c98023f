import { expect } from 'chai';
import { network, type Shape } from '../../test/core/networks.ts';
import type { HostInterfaceSpec, MultiNicNetwork } from '../api/types.ts';
import { parseAddress } from '../net/address.ts';
import { readNetwork } from '../network/network.ts';
import { type ClusterFacts, validateInCluster } from './validateInCluster.ts';

/** Hosts with one NIC in each of the networks. */
function hosts(count: number, nets = ['172.20.1', '172.20.2']): HostInterfaceSpec[] {
  return Array.from({ length: count }, (_, i) => ({
    hostName: `h${i + 1}`,
    interfaces: nets.map((net, n) => ({
      interfaceName: `eth${n + 1}`,
      netAddress: `${net}.0/24`,
      hostIP: `${net}.${i + 1}`,
    })),
  }));
}

function check(object: MultiNicNetwork, facts: Partial<ClusterFacts> = {}): string[] {
  const all = {
    networks: [],
    hosts: hosts(3),
    usedAddresses: [],
    namespaceExists: () => true,
    deviceClasses: 1,
    ...facts,
  };
  return validateInCluster(object, all).map(f => `${f.severity} ${f.code} ${f.path}: ${f.detail}`);
}

describe('the rules of a network in its cluster', () => {
  it('pass a network that fits', () => {
    expect(check(network('a'), { networks: [readNetwork(network('b', { subnet: '10.201.0.0/16' }))] })).to.deep.equal(
      [],
    );
    expect(check(network('a'), { hosts: [] })).to.deep.equal([]);
  });

  it('tell of rails: which masterNets they want, and that there are no neighbours', () => {
    const onRails = Array.from({ length: 3 }, (_, i) => ({
      hostName: `h${i + 1}`,
      interfaces: [1, 2, 3].map(rail => ({
        interfaceName: `eth${rail}`,
        netAddress: `10.${rail}.0.${2 * i}/31`,
        hostIP: `10.${rail}.0.${2 * i + 1}`,
      })),
    }));
    const facts = { hosts: onRails };
    expect(check(network('a'), facts)).to.deep.equal([
      'error MNN_CAPACITY spec.ipam: interfaceBlock 3 has room for 2^3 = 8 NICs of a host, but over all hosts there are 9; 10.1.0.0/31 and other point-to-point subnets count once for each of masterNets that holds them',
    ]);
    const masterNets = ['10.1.0.0/16', '10.2.0.0/16', '10.3.0.0/16'];
    expect(check(network('a', { masterNets }), facts)).to.deep.equal([]);
    const l2 = { masterNets, ipam: { vlanMode: 'l2' } };
    expect(check(network('a', l2), facts)).to.deep.equal([
      'warning MNN_MODE_CONFLICT spec.ipam: without vlanMode l3 pods reach other hosts as neighbours, but eth1 of host h1 has a point-to-point subnet in 10.1.0.0/16',
    ]);
    expect(check(network('a', { ...l2, ipam: { type: 'host-device-ipam' } }), facts)).to.deep.equal([]);
  });

  it('keep the primary network’s addresses out of what nodes have routes to, and warn of others in the subnet', () => {
    const used = (...addresses: string[]) => ({
      usedAddresses: addresses.map(text => ({ address: parseAddress(text), whose: `node ${text}` })),
    });
    const holds = '10.200.0.0/16 holds 10.200.0.11, the address of node 10.200.0.11';
    const ledAway = `error MNN_OVERLAP spec.subnet: ${holds}: nodes would send what is for them out of their NICs`;
    expect(check(network('a'), used('10.200.0.11', '10.244.7.2'))).to.deep.equal([ledAway]);
    expect(check(network('a'), used('10.200.7.2', '10.200.0.11'))[0]).to.contain(
      `${holds}, and 1 more that are in use:`,
    );
    // Of the second NIC; of a third one; of a fourth host.
    const severities = ['10.200.32.5', '10.200.64.5', '10.200.0.193'].map(address =>
      check(network('a'), used(address))[0]?.split(' ').at(0),
    );
    expect(severities).to.deep.equal(['error', 'warning', 'warning']);
    expect(check(network('a', { ipam: { vlanMode: 'l2' } }), used('10.200.0.11'))).to.deep.equal([
      `warning MNN_OVERLAP spec.subnet: ${holds}: pods of the network may not reach them`,
    ]);
    const excludeCIDRs = ['10.200.0.0/20'];
    expect(check(network('a', { ipam: { excludeCIDRs } }), used('10.200.0.11'))).to.deep.equal([]);
    expect(check(network('a', { subnet: '10.201.0.0/16' }), used('10.200.0.11'))).to.deep.equal([]);
    expect(check(network('a', { ipam: { type: 'whereabouts' } }), used('10.200.0.11'))).to.deep.equal([]);
  });

  it('let only one network give out the addresses of a host subnet', () => {
    const flat = (name: string, shape: Shape = {}) =>
      network(name, { subnet: '', ...shape, ipam: { hostBlock: 0, vlanMode: 'l2', ...shape.ipam } });
    const against = (other: MultiNicNetwork) => ({ networks: [readNetwork(other)] });
    const clash = 'error MNN_OVERLAP spec.subnet: network b gives out 172.20.1.0/24, too';
    expect(check(flat('a'), against(flat('b')))).to.deep.equal([clash]);
    expect(check(flat('a', { ipam: { hostBlock: 2 } }), against(flat('b')))).to.deep.equal([clash]);
    expect(check(flat('b'), against(flat('b')))).to.deep.equal([]);
    const apart = [['172.20.1.0/24'], ['172.20.2.0/24']] as const;
    expect(
      check(flat('a', { masterNets: [...apart[0]] }), against(flat('b', { masterNets: [...apart[1]] }))),
    ).to.deep.equal([]);
    const half = flat('b', { ipam: { excludeCIDRs: ['172.20.1.128/25'] }, masterNets: [...apart[0]] });
    const part = (subnet: string) => check(flat('a', { subnet, ipam: { interfaceBlock: 1 } }), against(half));
    expect(part('172.20.1.128/25').filter(line => line.startsWith('error'))).to.deep.equal([]);
    expect(part('172.20.1.64/26').filter(line => line.startsWith('error'))).to.deep.equal([
      'error MNN_OVERLAP spec.subnet: network b gives out 172.20.1.64/26, too',
    ]);
  });

  it('look at the hosts no more often where there are more networks: both may be many, and reviews wait meanwhile', () => {
    const looksBeside = (count: number): number => {
      let looks = 0;
      const counted = hosts(3).map(({ hostName, interfaces }) => ({
        hostName,
        get interfaces() {
          looks++;
          return interfaces;
        },
      }));
      const others = Array.from({ length: count }, (_, i) => {
        const own = i % 2 === 0 ? { subnet: `10.${i}.0.0/16` } : { subnet: '', masterNets: [`172.21.${i}.0/24`] };
        return readNetwork(network(`other-${i}`, { ...own, plugin: { cniVersion: '1.0.0', type: 'ptp' } }));
      });
      const flat = network('a', { subnet: '', masterNets: ['172.20.1.0/24'], ipam: { hostBlock: 0, vlanMode: 'l2' } });
      expect(check(flat, { hosts: counted, networks: others })).to.deep.equal([]);
      return looks;
    };
    expect(looksBeside(40)).to.equal(looksBeside(2));
  });

  it('let no two networks give out all host subnets, or those of the same masterNets, also before there are such hosts', () => {
    const flat = (name: string, shape: Shape = {}) =>
      network(name, { subnet: '', ...shape, ipam: { hostBlock: 0, vlanMode: 'l2', ...shape.ipam } });
    const against = (shape: Shape, other: Shape, known: HostInterfaceSpec[]) =>
      check(flat('a', shape), { networks: [readNetwork(flat('b', other))], hosts: known }).filter(line =>
        line.startsWith('error'),
      );
    const clash = 'error MNN_OVERLAP spec.subnet: network b gives out the same host subnets';
    expect(against({}, {}, [])).to.deep.equal([clash]);
    const rack = { masterNets: ['172.29.0.0/24'] };
    expect(against(rack, rack, hosts(1))).to.deep.equal([clash]);
    expect(against(rack, {}, hosts(1))).to.deep.equal([]);
    expect(against({}, { ipam: { excludeCIDRs: ['172.20.1.0/25'] } }, [])).to.deep.equal([]);
    expect(against({}, { subnet: '172.20.1.0/25' }, [])).to.deep.equal([]);
  });

  it('warn of links that cannot be on the NICs of another network, where a host has such a NIC', () => {
    const l2 = network('l2', { subnet: '10.201.0.0/16', ipam: { vlanMode: 'l2' }, masterNets: ['172.20.2.0/24'] });
    const macvlan = network('mac', {
      ...{ subnet: '10.202.0.0/16', ipam: { vlanMode: 'l2' } },
      plugin: { cniVersion: '1.0.0', type: 'macvlan' },
    });
    const warnings = (object: MultiNicNetwork, ...others: MultiNicNetwork[]): string[] =>
      check(object, { networks: [object, ...others].map(readNetwork) });
    const start =
      'warning MNN_NIC_CONFLICT spec.plugin: network l2 attaches ipvlan l2 to the same NICs (eth2 of host h1)';
    expect(warnings(network('a'), l2)).to.deep.equal([`${start}, and a NIC carries ipvlan in one mode only`]);
    expect(warnings(network('a'), l2, macvlan)).to.deep.equal([
      `${start}, and a NIC carries ipvlan in one mode only; likewise 1 more`,
    ]);
    expect(warnings(macvlan, l2)).to.deep.equal([`${start}, and a NIC carries either ipvlan or macvlan`]);
    const apart = { masterNets: ['172.20.1.0/24'] };
    expect(warnings(network('a', apart), l2)).to.deep.equal([]);
    expect(warnings(network('a', { ipam: { vlanMode: 'l2' } }), l2)).to.deep.equal([]);
    const routed = { plugin: { cniVersion: '1.0.0', type: 'ptp' } };
    expect(warnings(network('a', routed), l2, macvlan)).to.deep.equal([]);
  });

  it('refuse a subnet that another network uses, but not the network’s own', () => {
    const networks = ['a', 'b'].map(name => readNetwork(network(name, { subnet: '10.200.128.0/17' })));
    expect(check(network('a'), { networks })).to.deep.equal([
      'error MNN_OVERLAP spec.subnet: 10.200.0.0/16 overlaps 10.200.128.0/17 of network b',
    ]);
    const single = readNetwork(network('c', { ipam: { type: 'whereabouts' } }));
    expect(check(network('a'), { networks: [single] })).to.deep.equal([]);
  });

  it('refuse routed pods in a host subnet, named once for all hosts', () => {
    expect(check(network('a', { subnet: '172.20.0.0/16' }))).to.deep.equal([
      'error MNN_OVERLAP spec.subnet: 172.20.0.0/16 overlaps the host subnet 172.20.1.0/24 (eth1 of host h1), and 2 more',
      'error MNN_OVERLAP spec.subnet: 172.20.0.0/16 overlaps the host subnet 172.20.2.0/24 (eth2 of host h1), and 2 more',
    ]);
  });

  it('let L2 pods have a part of a host subnet where no host has an address', () => {
    const ipam = { vlanMode: 'l2', hostBlock: 0, interfaceBlock: 0 };
    const masterNets = ['172.20.1.0/24'];
    expect(check(network('a', { subnet: '172.20.1.128/25', ipam, masterNets }))[0]).to.contain('warning MNN_OVERLAP');
    expect(check(network('a', { subnet: '172.20.1.0/25', ipam, masterNets }))[0]).to.equal(
      'error MNN_OVERLAP spec.subnet: 172.20.1.0/25 holds 172.20.1.1, the address of eth1 of host h1, and 2 more',
    );
    const excludeCIDRs = ['172.20.1.0/28'];
    expect(check(network('a', { subnet: '172.20.1.0/25', ipam: { ...ipam, excludeCIDRs }, masterNets }))[0]).to.contain(
      'warning MNN_OVERLAP',
    );
  });

  it('refuse fewer host or interface indexes than the cluster needs now', () => {
    expect(check(network('a', { ipam: { hostBlock: 1, interfaceBlock: 0 } }))).to.deep.equal([
      'error MNN_CAPACITY spec.ipam: interfaceBlock 0 has room for 2^0 = 1 NICs of a host, but over all hosts there are 2',
      'error MNN_CAPACITY spec.ipam: hostBlock 1 has room for 2^1 = 2 hosts, but 3 have a NIC of the network',
    ]);
  });

  it('refuse or warn of blocks cut too small from host subnets', () => {
    const ipam = { vlanMode: 'l2', interfaceBlock: 2 };
    expect(
      check(network('a', { subnet: '', ipam: { ...ipam, hostBlock: 8 }, masterNets: ['172.20.1.0/24'] })),
    ).to.deep.equal([
      'error MNN_CAPACITY spec.ipam: hostBlock 8 cuts the host subnet 172.20.1.0/24 into blocks of 0 usable addresses',
    ]);
    expect(
      check(network('a', { subnet: '', ipam: { ...ipam, hostBlock: 6 }, masterNets: ['172.20.1.0/24'] })),
    ).to.deep.equal([
      'warning MNN_CAPACITY spec.ipam: hostBlock 6 cuts the host subnet 172.20.1.0/24 into blocks of 2 usable addresses',
    ]);
  });

  const [wide, narrow] = [9000, 1500].map((mtu, i): HostInterfaceSpec => {
    const [host] = hosts(1);
    return { hostName: `m${i}`, interfaces: host!.interfaces.map(nic => ({ ...nic, mtu })) };
  });

  it('warn of an MTU that is more than a NIC carries, where links share the NIC', () => {
    const large = (type: string): Shape => ({ plugin: { cniVersion: '1.0.0', type, args: { mtu: '9000' } } });
    expect(check(network('a', large('ipvlan')), { hosts: [wide!, narrow!] })).to.deep.equal([
      'warning MNN_PLUGIN_INVALID spec.plugin.args.mtu: is 9000, but eth1 of host m1 carries 1500, and 1 more carry less',
    ]);
    expect(check(network('a', large('ipvlan')), { hosts: [wide!] })).to.deep.equal([]);
    expect(check(network('a', large('ptp')), { hosts: [narrow!] })).to.deep.equal([]);
  });

  it('warn where pods would have different MTUs on the hosts of a subnet: one NIC was forgotten', () => {
    const facts = { hosts: [wide!, narrow!] };
    for (const type of ['ipvlan', 'macvlan', 'ptp']) {
      const of = (args = {}): Shape => ({ plugin: { cniVersion: '1.0.0', type, args }, ipam: { vlanMode: 'l3' } });
      expect(check(network('a', of()), facts), type).to.deep.equal([
        'warning MNN_MTU_DIFFERS spec.plugin.args.mtu: is not set, and in 172.20.1.0/24 eth1 of host m0 carries 9000 bytes, but eth1 of host m1 only 1500; likewise in 1 more subnets',
      ]);
      expect(check(network('a', of({ mtu: '1500' })), facts), type).to.deep.equal([]);
    }
    const otherFabric = {
      ...narrow!,
      interfaces: narrow!.interfaces.map(nic => ({ ...nic, netAddress: '10.9.0.0/24' })),
    };
    expect(check(network('a'), { hosts: [wide!, otherFabric] })).to.deep.equal([]);
  });

  it('warn of virtual functions that another network makes under the same resource, as its name differs only in - and .', () => {
    const vf = (name: string, subnet: string, args = {}, type = 'sriov') =>
      network(name, { subnet, ipam: { vlanMode: 'l2' }, plugin: { cniVersion: '1.0.0', type, args } });
    const [one, own, macvlan] = [
      vf('rail-1-1', '10.201.0.0/16'),
      vf('rail-1-1', '10.201.0.0/16', { resourceName: 'rail111' }),
      vf('rail-1-1', '10.201.0.0/16', {}, 'macvlan'),
    ].map(readNetwork);
    const other = vf('rail-11', '10.202.0.0/16');
    expect(check(other, { networks: [one!] })).to.deep.equal([
      'warning MNN_PLUGIN_INVALID spec.plugin.args.resourceName: is absent, so the functions made for the network are openshift.io/rail11, as those of network rail-1-1 are: pods get either; name the network otherwise',
    ]);
    for (const networks of [[own!], [macvlan!], [readNetwork(other)]])
      expect(check(other, { networks })).to.deep.equal([]);
    expect(check(vf('rail-11', '10.202.0.0/16', { resourceName: 'rail111' }), { networks: [one!] })).to.deep.equal([]);
  });

  it('warn of what is not there yet', () => {
    const object = network('a', {
      masterNets: ['172.20.1.0/24', '172.29.0.0/24'],
      namespaces: ['x', 'y'],
      strategy: 'devClass',
    });
    expect(check(object, { namespaceExists: name => name === 'x', deviceClasses: 0 })).to.deep.equal([
      'warning MNN_NO_MEMBERS spec.masterNets[1]: no host has a NIC in 172.29.0.0/24',
      'warning MNN_NAMESPACE_UNKNOWN spec.namespaces[1]: there is no namespace "y" yet',
      'warning MNN_CLASS_UNKNOWN spec.attachPolicy.strategy: is devClass, but there is no DeviceClass yet',
    ]);
  });
});
