import { expect } from 'chai';
import { attachmentsKey } from '../../core/api/names.ts';
import { multiNicIpam } from '../../core/network/ipam.ts';
import { readNetwork } from '../../core/network/network.ts';
import { unknownKeyWarnings } from './unknownKeys.ts';

const networkOf = (type: string, ipam = multiNicIpam, capabilities: Record<string, boolean> = {}) =>
  readNetwork({
    apiVersion: 'multinic.fms.io/v1',
    kind: 'MultiNicNetwork',
    metadata: { name: 'net' },
    spec: {
      subnet: '10.200.0.0/16',
      ipam: JSON.stringify({ type: ipam, hostBlock: 6 }),
      plugin: { cniVersion: '1.0.0', type, capabilities },
    },
  });
const warnings = (element: object, network = networkOf('ipvlan')) =>
  unknownKeyWarnings(network, { name: 'net', ...element });

describe('keys of a selection element that nothing reads', () => {
  it('are reported, of the element and of its cni-args', () => {
    expect(warnings({ ip: ['10.0.0.1'] })).to.deep.equal([
      'the element for network net has keys that have no effect: "ip" (MNN_NETWORKS_ANNOTATION_INVALID)',
    ]);
    expect(warnings({ 'cni-args': { nic: 1 } })).to.deep.equal([
      'cni-args for network net has keys that have no effect: "nic"; it reads nics, masters, master, class, target (MNN_CNI_ARGS_INVALID)',
    ]);
  });

  it('are not those of Multus, ours, and names with a dot', () => {
    const known = { namespace: 'x', interface: 'y', ips: [], mac: '', deviceID: 'd' };
    const others = { 'default-route': [], 'ipam-claim-reference': 'c', 'org.foo': 1 };
    const args = {
      nics: 1,
      masters: [],
      master: 'eth1',
      class: 'c',
      target: '1Gbps',
      [attachmentsKey]: [],
      'org.foo': 1,
    };
    expect(warnings({ ...known, ...others, 'cni-args': args })).to.deep.equal([]);
  });

  it('are those for which the plugin has no capability', () => {
    const asked = { bandwidth: { ingressRate: 1 }, 'infiniband-guid': 'g', portMappings: [] };
    const all = /no effect: "bandwidth", "infiniband-guid", "portMappings" \(/;
    expect(warnings(asked).join()).to.match(all);
    const declared = { bandwidth: true, infinibandGUID: true, portMappings: true };
    expect(warnings(asked, networkOf('ib-sriov', multiNicIpam, declared))).to.deep.equal([]);
    expect(warnings(asked, networkOf('ib-sriov', multiNicIpam, { bandwidth: true })).join()).to.match(/effect: "infin/);
    expect(warnings(asked, networkOf('ipvlan', multiNicIpam, declared)).join(), 'made by the agent').to.match(all);
  });

  it('are not reported in cni-args that another plugin reads', () => {
    for (const network of [networkOf('sriov'), networkOf('macvlan', 'whereabouts')])
      expect(warnings({ 'cni-args': { nic: 1 } }, network)).to.deep.equal([]);
  });

  it('are reported briefly, however many there are', () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`${i}${'x'.repeat(1000)}`, i]));
    const [text = ''] = warnings({ 'cni-args': many });
    expect(text.length).to.be.lessThan(300);
    expect(text).to.contain('and 497 more');
  });
});
