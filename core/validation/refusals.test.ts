import { expect } from 'chai';
import { check, l2, type Overrides, plugin } from '../../test/core/networkRules.ts';

describe('the rules of a network’s specification', () => {
  const refused: [string, Overrides, string][] = [
    [
      'a layout without room for pods',
      { ipam: { hostBlock: 11 } },
      'error MNN_CAPACITY spec.ipam: 10.200.0.0/16 is too small: /16 + interfaceBlock 3 + hostBlock 11 = 30, which leaves 2 of 32 bits for pods: 2 usable addresses per NIC and host, at least 4 are needed',
    ],
    [
      'a layout of more bits than an address has',
      { ipam: { hostBlock: 20 } },
      'error MNN_CAPACITY spec.ipam: 10.200.0.0/16 is too small: /16 + interfaceBlock 3 + hostBlock 20 = 39, more than the 32 bits of an address',
    ],
    [
      'more host subnets than interface indexes',
      { ipam: { interfaceBlock: 0 } },
      'error MNN_CAPACITY spec.ipam: interfaceBlock 0 has room for 2^0 = 1 NICs of a host, but spec.masterNets names 2',
    ],
    [
      'excluded interface indexes',
      { ipam: { interfaceBlock: 1, excludeCIDRs: ['10.200.128.0/17'] } },
      'error MNN_CAPACITY spec.ipam: interfaceBlock 1 has room for 2^1 = 2 NICs of a host, 1 of them in excluded ranges, but spec.masterNets names 2',
    ],
    [
      'a subnet that is none',
      { subnet: '10.200.0.0/33' },
      'error MNN_CIDR_INVALID spec.subnet: "10.200.0.0/33" is not a network',
    ],
    [
      'two subnets of a family',
      { subnet: '10.1.0.0/16,10.2.0.0/16' },
      'error MNN_SUBNET_INVALID spec.subnet: has 2 IPv4 networks, 10.1.0.0/16 and 10.2.0.0/16',
    ],
    [
      'a host subnet that is none',
      { masterNets: ['eth0'] },
      'error MNN_CIDR_INVALID spec.masterNets[0]: "eth0" is not a network: masterNets has the subnets of NICs and not their names, see kubectl get hostinterfaces',
    ],
    [
      'a host subnet without its prefix length',
      { masterNets: ['172.20.1.0'] },
      'error MNN_CIDR_INVALID spec.masterNets[0]: "172.20.1.0" is not a network',
    ],
    [
      'a host subnet that is named twice',
      { masterNets: ['172.20.1.0/24', '172.20.1.9/24'] },
      'error MNN_MASTER_NETS spec.masterNets[1]: 172.20.1.9/24 is the same as spec.masterNets[0]',
    ],
    [
      'routed pods in a host subnet',
      { masterNets: ['10.200.4.0/24'] },
      'error MNN_OVERLAP spec.subnet: 10.200.0.0/16 overlaps the host subnet 10.200.4.0/24 of spec.masterNets[0]',
    ],
    [
      'an exclude that is none',
      { ipam: { excludeCIDRs: ['10.200.0.0/99'] } },
      'error MNN_EXCLUDE_INVALID spec.ipam: excludeCIDRs: "10.200.0.0/99" is neither a network nor an address',
    ],
    [
      'an exclude elsewhere',
      { ipam: { excludeCIDRs: ['10.9.0.0/24'] } },
      'error MNN_EXCLUDE_INVALID spec.ipam: excludeCIDRs: 10.9.0.0/24 is not in 10.200.0.0/16',
    ],
    [
      'excludes that leave nothing',
      { masterNets: [], ipam: { excludeCIDRs: ['10.200.0.0/17', '10.200.128.0/17'] } },
      'error MNN_EXCLUDE_INVALID spec.ipam: excludeCIDRs leaves no address of 10.200.0.0/16',
    ],
    [
      'JSON with a mistake',
      { ipam: '{\n  "type": "multi-nic-ipam",\n  "hostBlock" 8\n}' },
      'error MNN_IPAM_SYNTAX spec.ipam: line 3, column 15: colon expected',
    ],
    [
      'l3 with macvlan',
      { plugin: plugin('macvlan') },
      'error MNN_MODE_CONFLICT spec.ipam: vlanMode l3 needs plugin type ipvlan or ptp, not macvlan',
    ],
    [
      'l3 with devices of a device plugin',
      { plugin: plugin('ib-sriov', { resourceName: 'nvidia.com/ib' }) },
      'error MNN_MODE_CONFLICT spec.ipam: vlanMode l3 needs plugin type ipvlan or ptp, not ib-sriov',
    ],
    [
      'l3s with ptp',
      { plugin: plugin('ptp'), ipam: { vlanMode: 'l3s' } },
      'error MNN_MODE_CONFLICT spec.ipam: vlanMode l3s is a mode of ipvlan; ptp has l3',
    ],
    [
      'l2 with ptp',
      { plugin: plugin('ptp'), ipam: l2 },
      'error MNN_MODE_CONFLICT spec.ipam: vlanMode is l2, but a ptp interface is routed: use l3',
    ],
    [
      'l3 without a block a host',
      { ipam: { hostBlock: 0 } },
      "error MNN_MODE_CONFLICT spec.ipam: hostBlock is 0, but in vlanMode l3 each host's block is what is routed to it",
    ],
    [
      'l3 without a subnet',
      { subnet: '' },
      'error MNN_SUBNET_INVALID spec.subnet: is empty, but vlanMode l3 routes a pod subnet',
    ],
    [
      'modes that contradict',
      { plugin: plugin('ipvlan', { mode: 'l2' }) },
      'error MNN_MODE_CONFLICT spec.ipam: vlanMode is l3, but plugin.args.mode is l2',
    ],
    [
      'an unknown mode',
      { plugin: plugin('macvlan', { mode: 'l2' }), ipam: l2 },
      'error MNN_PLUGIN_INVALID spec.plugin.args.mode: "l2" is not a mode of macvlan (bridge, private, vepa, passthru)',
    ],
    [
      'multiNICIPAM with an IPAM plugin of one NIC',
      { subnet: '', ipam: '{"type":"whereabouts"}' },
      'error MNN_IPAM_FLAG spec.multiNICIPAM: is true, but the IPAM plugin whereabouts gives the address of one interface per call',
    ],
    ...(
      [
        ['ipvlan in mode l3', plugin('ipvlan', { mode: 'l3' })],
        ['ipvlan in mode l3s', plugin('ipvlan', { mode: 'l3s' })],
        ['type ptp', plugin('ptp')],
        ['type aws-ipvlan', plugin('aws-ipvlan')],
        ['type vlan', plugin('vlan', { vlanId: '5' })],
        ['type dummy', plugin('dummy')],
      ] as const
    ).map(([what, type]): [string, Overrides, string] => [
      `no addresses for ${what}`,
      { subnet: '', multiNICIPAM: false, ipam: '{}', plugin: type },
      `error MNN_MODE_CONFLICT spec.ipam: names no IPAM plugin, but ${what} needs addresses: give it a "type", or use macvlan, ipvlan in mode l2, or a type that moves a NIC into the pod`,
    ]),
    [
      'multiNICIPAM without an IPAM plugin',
      { subnet: '', ipam: '{}' },
      'error MNN_IPAM_FLAG spec.multiNICIPAM: is true, but spec.ipam names no IPAM plugin',
    ],
    [
      'a CNI version that nobody speaks',
      { plugin: plugin('ipvlan', {}, '2.0.0') },
      'error MNN_PLUGIN_INVALID spec.plugin.cniVersion: "2.0.0" is not supported (0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0)',
    ],
    [
      'an MTU that is no number',
      { plugin: plugin('ipvlan', { mtu: '9k' }) },
      'error MNN_PLUGIN_INVALID spec.plugin.args.mtu: must be a whole number from 68 to 65535, not "9k"',
    ],
    [
      'an MTU that IPv6 cannot use',
      { subnet: 'fd00::/48', plugin: plugin('ipvlan', { mtu: '1279' }) },
      'error MNN_PLUGIN_INVALID spec.plugin.args.mtu: is 1279, but IPv6 needs 1280 or more',
    ],
    [
      'a switch that is neither on nor off',
      { plugin: plugin('sriov', { spoofchk: 'no' }), ipam: l2 },
      'error MNN_PLUGIN_INVALID spec.plugin.args.spoofchk: must be "on" or "off", not "no"',
    ],
    [
      'a state that no link of a virtual function has',
      { plugin: plugin('sriov', { link_state: 'up' }), ipam: l2 },
      'error MNN_PLUGIN_INVALID spec.plugin.args.link_state: must be "auto" or "enable" or "disable", not "up"',
    ],
    [
      'a VLAN that is none',
      { plugin: plugin('sriov', { vlan: '4095' }), ipam: l2 },
      'error MNN_PLUGIN_INVALID spec.plugin.args.vlan: must be a whole number from 0 to 4094, not "4095"',
    ],
    [
      'an unknown strategy',
      { attachPolicy: { strategy: 'best' as 'none' } },
      'error MNN_STRATEGY_UNKNOWN spec.attachPolicy.strategy: "best" is not known',
    ],
    [
      'a target that is no bandwidth',
      { attachPolicy: { strategy: 'none', target: 'fast' } },
      'error MNN_TARGET_INVALID spec.attachPolicy.target: "fast" is not a bandwidth',
    ],
    [
      'a route to nowhere',
      { ipam: { routes: [{ dst: 'default' }] } },
      'error MNN_ROUTE_INVALID spec.ipam: routes[0]: dst "default" is not a network',
    ],
    [
      'a gateway of another family',
      { ipam: { routes: [{ dst: '10.0.0.0/8', gw: 'fe80::1' }] } },
      'error MNN_ROUTE_INVALID spec.ipam: routes[0]: gw fe80::1 is not of the same family as dst 10.0.0.0/8',
    ],
    [
      'a setting of a route that is no number',
      { ipam: { routes: [{ dst: '10.0.0.0/8', mtu: '1400' }] } },
      'error MNN_ROUTE_INVALID spec.ipam: routes[0]: mtu must be a whole number from 0 to 65535, not "1400"',
    ],
    [
      'a setting of a route that the kernel has no room for',
      { ipam: { routes: [{ dst: '10.0.0.0/8', priority: -1 }] } },
      'error MNN_ROUTE_INVALID spec.ipam: routes[0]: priority must be a whole number from 0 to 4294967295, not -1',
    ],
    [
      'a route to nowhere, also where another IPAM plugin gives the addresses',
      {
        subnet: '',
        multiNICIPAM: false,
        ipam: { type: 'static', routes: [{ dst: 'default' }] },
        plugin: plugin('macvlan'),
      },
      'error MNN_ROUTE_INVALID spec.ipam: routes[0]: dst "default" is not a network',
    ],
    ...(
      [
        ['239.1.0.0/16', '224.0.0.0/4, multicast'],
        ['127.3.0.0/16', '127.0.0.0/8, loopback'],
        ['ff05::/48', 'ff00::/8, multicast'],
        ['fe80::/48', 'fe80::/10, link-local'],
        ['::ffff:0:0/96', '::ffff:0:0/96, IPv4-mapped'],
      ] as const
    ).map(([subnet, range]): [string, Overrides, string] => [
      `a subnet whose addresses no pod can use, ${subnet}`,
      { subnet, masterNets: [], ipam: { hostBlock: 4 } },
      `error MNN_SUBNET_INVALID spec.subnet: ${subnet} has addresses of ${range}, which no pod can use`,
    ]),
    [
      'sections of multi-config for an IPAM that is no plugin of the node',
      {
        subnet: '',
        plugin: plugin('macvlan'),
        ipam: '{"type":"multi-config","ipam_type":"multi-nic-ipam","args":{"eth1":{}}}',
      },
      'error MNN_IPAM_INVALID spec.ipam: multi-config: "ipam_type" must name an IPAM plugin, not "multi-nic-ipam"',
    ],
    ...['{"type":"dhcp"}', '{"type":"multi-config","ipam_type":"dhcp","args":{"eth1":{}}}'].flatMap(
      (ipam): [string, Overrides, string][] => [
        [
          `a question by DHCP that goes to the host, ${ipam}`,
          { subnet: '', multiNICIPAM: false, ipam, plugin: plugin('ptp') },
          'error MNN_MODE_CONFLICT spec.ipam: the IPAM plugin dhcp asks everybody on the link, and on one of type ptp there is only the host',
        ],
        [
          `a question by DHCP that is not sent, ${ipam}`,
          { subnet: '', multiNICIPAM: false, ipam, plugin: plugin('ipvlan', { mode: 'l3' }) },
          'error MNN_MODE_CONFLICT spec.ipam: the IPAM plugin dhcp asks everybody on the link, which ipvlan in mode l3 does not send to',
        ],
      ],
    ),
    ...(['vlanQoS', 'vlanQos'] as const).map((name): [string, Overrides, string] => [
      `a priority in no VLAN, ${name}`,
      { plugin: plugin('sriov', { [name]: '3', vlan: '0' }), ipam: l2 },
      'error MNN_PLUGIN_INVALID spec.plugin.args.vlanQoS: is 3, but it is of a VLAN, and vlan names none',
    ]),
    [
      'a least rate above the largest',
      { plugin: plugin('sriov', { minTxRate: '100', max_tx_rate: '10' }), ipam: l2 },
      'error MNN_PLUGIN_INVALID spec.plugin.args.min_tx_rate: is 100, more than max_tx_rate, 10',
    ],
    ...['a b', 'a/b/c', '/x', 'x_/y', 'ü'].flatMap(name =>
      [plugin('sriov', { resourceName: name }), plugin('ib-sriov', { resourceName: name })].map(
        (type): [string, Overrides, string] => [
          `a resource that no pod can ask for, ${name} of ${type.type}`,
          { plugin: type, ipam: l2 },
          `error MNN_PLUGIN_INVALID spec.plugin.args.resourceName: "${name}" is not the name of a resource, [prefix/]name`,
        ],
      ),
    ),
    ['a name that is too long', { name: 'n'.repeat(64) }, 'error MNN_NAME_INVALID metadata.name: has 64 characters'],
    ['a name with a dot', { name: 'a.b' }, 'error MNN_NAME_INVALID metadata.name: "a.b" is not a DNS-1123 label'],
  ];
  for (const [what, overrides, line] of refused) {
    it(`refuse ${what}`, () => {
      expect(check(overrides)).to.include(line);
    });
  }
});
