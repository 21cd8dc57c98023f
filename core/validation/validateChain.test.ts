import { expect } from 'chai';
import { check, l2, plugin } from '../../test/core/networkRules.ts';
import type { ChainedPlugin } from '../api/types.ts';

/** What is said of a network of the type whose chain is this. */
function told(chain: readonly ChainedPlugin[], type = 'macvlan', args: Record<string, string> = {}): string[] {
  const findings = check({ plugin: { ...plugin(type, args), chain: [...chain] }, ipam: type === 'ptp' ? {} : l2 });
  return findings.map(line => line.replace('MNN_PLUGIN_INVALID spec.plugin.chain', ''));
}

describe('the rules of plugins that follow', () => {
  it('take those that are known, with their arguments', () => {
    const sysctl = '{"net.ipv4.conf.IFNAME.arp_filter": "1", "net/core/somaxconn": "1024"}';
    const tuning = { type: 'tuning', args: { sysctl, mtu: '9000', promisc: 'true', txQLen: '2000' } };
    expect(told([tuning, { type: 'sbr', args: { table: '200' } }])).to.deep.equal([]);
    expect(told([{ type: 'rdma' }], 'host-device')).to.deep.equal([]);
    expect(told([{ type: 'rdma' }], 'sriov')).to.deep.equal([]);
    expect(told([{ type: 'bandwidth', capabilities: { bandwidth: true } }], 'ptp')).to.deep.equal([]);
  });

  const chains: [string, ChainedPlugin, string][] = [
    ['this very system', { type: 'multi-nic' }, 'error [0].type: is this system itself'],
    [
      'what leads out of the folder',
      { type: '..' },
      'error [0].type: ".." cannot be the name of a plugin\'s executable',
    ],
    ['a second interface', { type: 'bridge' }, 'error [0].type: "bridge" makes an interface, and has none to change'],
    [
      'a plugin that may be misspelt',
      { type: 'tunning' },
      'warning [0].type: "tunning" is not one of rdma, tuning, sbr, bandwidth: it will be called after each NIC is attached',
    ],
    [
      'a misspelt argument',
      { type: 'tuning', args: { MTU: '9000' } },
      'warning [0].args.MTU: is not an argument of tuning and has no effect',
    ],
    [
      'a number in letters',
      { type: 'tuning', args: { mtu: '9k' } },
      'error [0].args.mtu: must be a whole number, not "9k"',
    ],
    [
      'sysctls that are numbers, which the plugin cannot read, also at DEL',
      { type: 'tuning', args: { sysctl: '{"net.core.somaxconn": 1024}' } },
      'error [0].args.sysctl: must be a JSON object with names that begin with "net." and texts, such as {"net.ipv4.conf.IFNAME.arp_filter": "1"}, not "{"net.core.somaxconn": 1024}"',
    ],
    [
      'one hardware address for all pods',
      { type: 'tuning', args: { mac: '02:00:00:00:00:01' } },
      'error [0].args.mac: would be the hardware address of every NIC of every pod; have pods ask for theirs with `mac` in their selection',
    ],
    [
      'what the system writes, in any case',
      { type: 'sbr', args: { PrevResult: '{}' } },
      'error [0].args.PrevResult: is written by the system',
    ],
    [
      'an RDMA device that is shared',
      { type: 'rdma' },
      'error [0].type: "rdma" moves the RDMA device of a NIC that a pod has for itself, not of macvlan',
    ],
    [
      'a limit of what has no other end',
      { type: 'bandwidth' },
      'error [0].type: "bandwidth" limits veth links, and macvlan makes none',
    ],
  ];
  for (const [what, chained, line] of chains) {
    it(`name ${what}`, () => {
      expect(told([chained])).to.deep.equal([line]);
    });
  }

  it('name what does not go with ptp, by its place', () => {
    expect(told([{ type: 'bandwidth' }, { type: 'sbr' }], 'ptp')).to.deep.equal([
      'error [1].type: "sbr" does not know the routes of ptp, whose interfaces need it not',
    ]);
  });
});
