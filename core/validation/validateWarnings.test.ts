import { expect } from 'chai';
import { check, l2, lines, network, type Overrides, plugin } from '../../test/core/networkRules.ts';
import { validateSpecification } from './validate.ts';

describe('the rules of a network’s specification, where it may be so but surely is not meant', () => {
  const warned: [string, Overrides, string][] = [
    [
      'bits behind the prefix',
      { subnet: '10.200.1.0/16' },
      'warning MNN_SUBNET_HOST_BITS spec.subnet: 10.200.1.0/16 has bits set after its prefix; 10.200.0.0/16 is used',
    ],
    [
      'a host subnet inside another',
      { masterNets: ['172.20.0.0/16', '172.20.1.0/24'] },
      'warning MNN_MASTER_NETS spec.masterNets[1]: 172.20.1.0/24 lies in spec.masterNets[0] (172.20.0.0/16): a NIC in both belongs to spec.masterNets[0]',
    ],
    [
      'pods in a part of a host subnet',
      { masterNets: ['10.200.0.0/15'], plugin: plugin('macvlan'), ipam: l2 },
      'warning MNN_OVERLAP spec.subnet: 10.200.0.0/16 overlaps the host subnet 10.200.0.0/15 of spec.masterNets[0]',
    ],
    [
      'a subnet that another plugin does not use',
      { multiNICIPAM: false, ipam: '{"type":"whereabouts"}' },
      'warning MNN_IPAM_FLAG spec.subnet: has no effect: the IPAM plugin whereabouts gives the addresses',
    ],
    [
      'a subnet of a network without addresses',
      { multiNICIPAM: false, ipam: '', plugin: plugin('macvlan') },
      'warning MNN_IPAM_FLAG spec.subnet: has no effect: spec.ipam names no IPAM plugin, so pods get no addresses',
    ],
    [
      'multiNICIPAM that is missing',
      { multiNICIPAM: false },
      'warning MNN_IPAM_FLAG spec.multiNICIPAM: is false, but ipam.type is multi-nic-ipam: true is assumed',
    ],
    ...(
      [
        [{ dst: '192.168.0.0/16', gw: '192.0.2.1' }, 'gw 192.0.2.1 is in no subnet of the network'],
        [{ dst: 'fd00::/8', gw: 'fe80::1' }, 'the network has no IPv6 addresses'],
        [{ dst: 'fd00::/8' }, 'the network has no IPv6 addresses'],
      ] as const
    ).map(([route, why]): [string, Overrides, string] => [
      `a route that no pod gets, ${JSON.stringify(route)}`,
      { ipam: { routes: [{ dst: '192.168.0.0/16', gw: '10.200.0.1' }, route] } },
      `warning MNN_ROUTE_INVALID spec.ipam: routes[1]: ${why}, so pods do not get it`,
    ]),
    [
      'a misspelt key',
      { ipam: { excludeCIDR: ['10.200.0.0/24'] } },
      'warning MNN_IPAM_INVALID spec.ipam: "excludeCIDR" is not a key of multi-nic-ipam and has no effect',
    ],
    [
      'an ipvlan in l3 that nobody routes',
      { ipam: { vlanMode: '' } },
      'warning MNN_MODE_CONFLICT spec.ipam: vlanMode is absent, so no routes are made for ipvlan mode l3',
    ],
    [
      'a plugin that is not known',
      { plugin: plugin('bond'), ipam: l2 },
      'warning MNN_PLUGIN_INVALID spec.plugin.type: "bond" is not one of ipvlan, macvlan, ptp, aws-ipvlan, sriov, host-device, mellanox: it will be run as a CNI delegate',
    ],
    [
      'a plugin that is not known, of whose NICs the resource is',
      { plugin: plugin('ib-sriov', { resourceName: 'nvidia.com/ib' }), ipam: l2 },
      'warning MNN_PLUGIN_INVALID spec.plugin.type: "ib-sriov" is not one of ipvlan, macvlan, ptp, aws-ipvlan, sriov, host-device, mellanox: it will be run as a CNI delegate, once for each device of nvidia.com/ib that a pod gets',
    ],
    [
      'a resource of links that are made on NICs which the host keeps',
      { plugin: plugin('macvlan', { resourceName: 'nvidia.com/ib' }), ipam: l2 },
      'warning MNN_PLUGIN_INVALID spec.plugin.args.resourceName: is not an argument of macvlan and has no effect',
    ],
    [
      'an argument without effect',
      { plugin: plugin('ptp', { mode: 'l3' }) },
      'warning MNN_PLUGIN_INVALID spec.plugin.args.mode: is not an argument of ptp and has no effect',
    ],
    [
      'the predecessor’s way to say on',
      { plugin: plugin('sriov', { trust: 'true' }), ipam: l2 },
      'warning MNN_PLUGIN_INVALID spec.plugin.args.trust: is "true"; sriov knows on and off, so "on" is meant',
    ],
    [
      'a strategy where a device plugin chooses',
      { attachPolicy: { strategy: 'topology' }, plugin: plugin('sriov'), ipam: l2 },
      'warning MNN_STRATEGY_UNUSED spec.attachPolicy.strategy: topology has no effect: the device plugin of type sriov chooses the NICs',
    ],
    [
      'a target where no bandwidth of a node is kept',
      {
        attachPolicy: { strategy: 'perfOpt', target: '1Gbps' },
        ipam: { ...l2, hostBlock: 0 },
        plugin: plugin('ipvlan', { mode: 'l2' }),
      },
      'warning MNN_TARGET_INVALID spec.attachPolicy.target: has no effect with hostBlock 0: what is promised of a NIC is kept with the addresses of its node',
    ],
    [
      'a target that nobody looks at',
      { attachPolicy: { strategy: 'none', target: '1Gbps' } },
      'warning MNN_TARGET_INVALID spec.attachPolicy.target: has no effect: strategy none does not use it, costOpt and perfOpt do',
    ],
  ];
  it('warn of the finalizer that a manifest saved from the predecessor brings along', () => {
    const object = network();
    object.metadata.finalizers = ['finalizers.multinicnetwork.multinic.fms.io', 'example.com/kept'];
    expect(lines(validateSpecification(object))).to.deep.equal([
      'warning MNN_FINALIZER metadata.finalizers[0]: finalizers.multinicnetwork.multinic.fms.io keeps the network from being deleted',
    ]);
  });

  for (const [what, overrides, line] of warned) {
    it(`warn of ${what}, and nothing else`, () => {
      expect(check(overrides)).to.deep.equal([line]);
    });
  }
});
