import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { parseAllDocuments } from 'yaml';
import { check, l2, lines, network, type Overrides, plugin } from '../../test/core/networkRules.ts';
import type { MultiNicNetwork, MultiNicNetworkSpec } from '../api/types.ts';
import { describe as text } from '../network/finding.ts';
import { validateSpecification } from './validate.ts';

describe('the rules of a network’s specification', () => {
  it('refuse a name that no plugin can have, or this plugin itself', () => {
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
      { attachPolicy: { strategy: '' }, plugin: plugin('sriov'), ipam: l2 },
      {
        subnet: '10.200.0.0/16,fd00:10::/48',
        ipam: { routes: [{ dst: 'fd00::/8', gw: 'fe80::1' }, { dst: '192.168.0.0/16' }] },
      },
      { plugin: plugin('sriov', { vlan: '5', vlanQoS: '3', min_tx_rate: '100', max_tx_rate: '0' }), ipam: l2 },
      { plugin: plugin('sriov', { resourceName: 'intel.com/pf_1.x-y' }), ipam: l2 },
      { subnet: '', multiNICIPAM: false, ipam: '{"type":"dhcp"}', plugin: plugin('ipvlan', { mode: 'l2' }) },
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

  it('never throw for anything that the schema lets pass, and explain each finding', () => {
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
