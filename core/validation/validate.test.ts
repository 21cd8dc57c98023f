import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { parseAllDocuments } from 'yaml';
import type { MultiNicNetwork, MultiNicNetworkSpec } from '../api/types.ts';
import { describe as text } from '../network/finding.ts';
import { validateSpecification } from './validate.ts';
import { check, l2, lines, network, plugin, type Overrides } from '../../test/core/networkRules.ts';

describe('the rules of a network’s specification', () => {
  it('refuse a plugin that is none, or this one', () => {
    for (const type of ['../ipvlan', 'a b', '..', '']) {
      expect(check({ plugin: plugin(type), ipam: { type: 'static' }, multiNICIPAM: false }).join()).to.contain(
        'error MNN_PLUGIN_INVALID spec.plugin.type',
      );
    }
    expect(check({ plugin: plugin('multi-nic'), ipam: l2 }).join()).to.contain('is this system itself');
    expect(check({ plugin: plugin('macvlan'), ipam: { type: '../x' }, multiNICIPAM: false }).join()).to.contain(
      'error MNN_IPAM_INVALID spec.ipam',
    );
  });

  it('look at the sections of multi-config, and at whose address host-device-ipam gives', () => {
    const multi = (ipam: object): string[] =>
      check({
        subnet: '',
        plugin: plugin('macvlan'),
        multiNICIPAM: false,
        ipam: JSON.stringify({ type: 'multi-config', ...ipam }),
      });
    expect(multi({ ipam_type: 'whereabouts', args: { eth1: { range: '192.0.2.0/24' } } })).to.deep.equal([]);
    expect(multi({})).to.have.length(2);
    expect(multi({ ipam_type: 'static', args: { eth1: 'x' } })).to.deep.equal([
      'error MNN_IPAM_INVALID spec.ipam: multi-config: args.eth1 must be an object, not "x"',
    ]);
    const hostDevice = (type: string): string[] =>
      check({ subnet: '', plugin: plugin(type), multiNICIPAM: false, ipam: '{"type":"host-device-ipam"}' });
    expect(hostDevice('mellanox')).to.deep.equal([]);
    expect(hostDevice('macvlan').join()).to.contain('warning MNN_MODE_CONFLICT');
  });

  it('pass a network of every kind that is all right', () => {
    const fine: Overrides[] = [
      {},
      { subnet: 'fd00:10::/48', ipam: { hostBlock: 16, interfaceBlock: 8 } },
      { subnet: '10.200.0.0/16,fd00:10::/48' },
      { plugin: plugin('ptp', { mtu: '9000' }) },
      { plugin: plugin('macvlan', { mode: 'bridge' }), ipam: l2 },
      { plugin: plugin('sriov', { vlan: '120', trust: 'on', isRdma: 'true' }), ipam: l2 },
      { plugin: plugin('ipvlan', { mode: 'l2' }), ipam: { ...l2, hostBlock: 0 } },
      {
        ipam: { excludeCIDRs: ['10.200.0.64/26', '10.200.3.1'], routes: [{ dst: '192.168.0.0/16', gw: '10.200.0.1' }] },
      },
      { subnet: '10.200.0.0/16', ipam: { hostBlock: 7, interfaceBlock: 6 } }, // a /29: six addresses
    ];
    for (const overrides of fine) expect(check(overrides), JSON.stringify(overrides)).to.deep.equal([]);
  });

  it('pass networks without addresses of types that can do without, in each way to say it', () => {
    const types = [
      ...['macvlan', 'sriov', 'mellanox', 'host-device', 'ipvlan'].map(type => plugin(type)),
      plugin('ipvlan', { mode: 'l2' }),
    ];
    for (const ipam of ['{}', '', '{"type":""}']) {
      for (const type of types) {
        expect(check({ subnet: '', multiNICIPAM: false, ipam, plugin: type }), type.type).to.deep.equal([]);
      }
    }
    expect(check({ subnet: '', multiNICIPAM: false, ipam: '', plugin: plugin('bridge') }).join()).not.to.contain(
      'error',
    );
  });

  it('pass every sample', () => {
    const folder = join(import.meta.dirname, '../../manifests/samples');
    const networks = readdirSync(folder)
      .flatMap(file => parseAllDocuments(readFileSync(join(folder, file), 'utf8')))
      .map(document => document.toJS() as MultiNicNetwork)
      .filter(({ kind }) => kind === 'MultiNicNetwork');
    expect(networks.length).to.be.greaterThan(10);
    for (const sample of networks) {
      const errors = validateSpecification(sample).filter(({ severity }) => severity === 'error');
      expect(lines(errors), sample.metadata.name).to.deep.equal([]);
    }
  });

  const refused: [string, Overrides, string][] = [
    [
      'a layout without room for pods',
      { ipam: { hostBlock: 11 } },
      'error MNN_CAPACITY spec.ipam: 10.200.0.0/16 is too small: /16 + interfaceBlock 3 + hostBlock 11 = 30, which leaves 2 of 32 bits for pods: 2 usable addresses a NIC and host, at least 4 are needed',
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
      'error MNN_CIDR_INVALID spec.masterNets[0]: "eth0" is not a network',
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
      "error MNN_IPAM_FLAG spec.multiNICIPAM: is true, but the IPAM plugin whereabouts gives one interface's address a call",
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
      'error MNN_ROUTE_INVALID spec.ipam: routes[0]: gw fe80::1 is of another family than dst 10.0.0.0/8',
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
    ['a name that is too long', { name: 'n'.repeat(64) }, 'error MNN_NAME_INVALID metadata.name: has 64 characters'],
    ['a name with a dot', { name: 'a.b' }, 'error MNN_NAME_INVALID metadata.name: "a.b" is not a DNS-1123 label'],
  ];
  for (const [what, overrides, line] of refused) {
    it(`refuse ${what}`, () => {
      expect(check(overrides)).to.include(line);
    });
  }

  it('name all mistakes at once', () => {
    const codes = validateSpecification(
      network({ name: 'A', subnet: 'x', masterNets: ['y'], plugin: plugin('ipvlan', { mode: 'l4', mtu: '1' }) }),
    ).map(({ code }) => code);
    expect(codes).to.deep.equal([
      'MNN_NAME_INVALID',
      'MNN_CIDR_INVALID',
      'MNN_CIDR_INVALID',
      'MNN_PLUGIN_INVALID',
      'MNN_MODE_CONFLICT',
      'MNN_PLUGIN_INVALID',
    ]);
  });

  it('never throw, whatever the schema lets pass, and say each thing in words', () => {
    const cidrish = fc.oneof(
      fc.string(),
      fc.ipV4().map(a => `${a}/24`),
      fc.tuple(fc.ipV6(), fc.nat(140)).map(([a, p]) => `${a}/${p}`),
    );
    const ipam = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .record(
          {
            type: fc.constantFrom('multi-nic-ipam', 'whereabouts', ''),
            hostBlock: fc.oneof(fc.integer(), fc.nat(126)),
            interfaceBlock: fc.oneof(fc.double(), fc.nat(126)),
            vlanMode: fc.constantFrom('', 'l2', 'l3', 'l3s', 'x'),
            excludeCIDRs: fc.array(cidrish),
            routes: fc.array(fc.record({ dst: cidrish, gw: fc.string() }, { requiredKeys: [] })),
          },
          { requiredKeys: [] },
        )
        .map(value => JSON.stringify(value)),
    );
    const spec = fc.record(
      {
        subnet: cidrish,
        masterNets: fc.array(cidrish),
        ipam,
        multiNICIPAM: fc.boolean(),
        plugin: fc.record({
          cniVersion: fc.string(),
          type: fc.constantFrom('ipvlan', 'macvlan', 'ptp', 'sriov', 'other', 'constructor', '__proto__'),
          args: fc.dictionary(fc.constantFrom('mode', 'mtu', 'vlan', 'trust', 'constructor'), fc.string()),
        }),
      },
      { requiredKeys: ['plugin'] },
    );
    fc.assert(
      fc.property(spec, value => {
        const object = { ...network(), spec: value as MultiNicNetworkSpec };
        for (const finding of validateSpecification(object))
          expect(text(finding)).not.to.match(/undefined|NaN|\[object/);
      }),
    );
  });
});
