import { expect } from 'chai';
import { CniError } from '../../core/cni/error.ts';
import { parseIpam } from '../../core/network/ipam.ts';
import type { Network } from '../../core/network/network.ts';
import type { CheckpointEntry } from '../checkpoint/entry.ts';
import { pluginOf } from '../delegate/plugin.ts';
import { type Attachment, hostEndName, ptpMac } from './attachment.ts';
import { intentOf, withPlan } from './entries.ts';
import { planOf } from './plan.ts';
import { podRoutes } from './podRoutes.ts';
import { resultOf } from './result.ts';
import { refuseTakenAddresses } from './takenAddresses.ts';

const nics = [
  { name: 'net1-0', master: 'eth1', addresses: ['10.0.0.5/19'] },
  { name: 'net1-1', master: 'eth2', addresses: ['10.0.32.5/19', 'fd00::5/64'] },
];

function pluginFor(type: string, args: Record<string, string> = {}, vlanMode = 'l3'): ReturnType<typeof pluginOf> {
  const { ipam } = parseIpam(JSON.stringify({ type: 'multi-nic-ipam', vlanMode }));
  return pluginOf({
    name: 'n',
    ipam: ipam!,
    spec: { ipam: '', plugin: { cniVersion: '1.0.0', type, args } },
  } satisfies Pick<Network, 'name' | 'ipam' | 'spec'>);
}

describe('pluginOf', () => {
  it('takes the mode of ipvlan from vlanMode where args do not say', () => {
    expect(pluginFor('ipvlan')).to.deep.equal({ type: 'ipvlan', mode: 'l3' });
    expect(pluginFor('ipvlan', {}, '')).to.deep.equal({ type: 'ipvlan', mode: 'l2' });
    expect(pluginFor('ipvlan', { mode: 'l3s', mtu: '9000' })).to.deep.equal({ type: 'ipvlan', mode: 'l3s', mtu: 9000 });
    expect(pluginFor('macvlan')).to.deep.equal({ type: 'macvlan', mode: 'bridge' });
  });

  it('names key and value of what it does not know', () => {
    const refused = (...args: Parameters<typeof pluginFor>): unknown => {
      try {
        return pluginFor(...args);
      } catch (error) {
        return error instanceof CniError ? [error.code, error.message] : error;
      }
    };
    expect(refused('macvlan', { mode: 'l3' })).to.deep.equal([
      2,
      'plugin.args.mode is "l3", expected bridge, private, vepa, passthru',
    ]);
    expect(refused('ptp', { mtu: 'big' })).to.deep.include(2);
    expect(refused('multi-nic')).to.deep.equal([7, 'network n has plugin type multi-nic: itself']);
  });

  it('leaves every other type to the plugin of that name', () => {
    expect(pluginFor('sriov')).to.deep.equal({ type: 'delegate', name: 'sriov' });
    expect(pluginFor('mellanox')).to.deep.equal({ type: 'delegate', name: 'host-device' });
    expect(pluginFor('bond', { mode: 'active-backup' })).to.deep.equal({ type: 'delegate', name: 'bond' });
  });
});

describe('podRoutes', () => {
  const plugin = { type: 'macvlan', mode: 'bridge' } as const;

  it('makes one multipath route of several gateways, each by the link whose subnet holds it', () => {
    const routes = [
      { dst: '192.0.2.0/24', gw: '10.0.0.1' },
      { dst: '192.0.2.0/24', gw: '10.0.32.1' },
      { dst: '198.51.100.0/24', gw: '10.0.32.9' },
    ];
    expect(podRoutes({ routes, defaultRoute: [], nics, plugin }).map(({ change }) => change)).to.deep.equal([
      {
        op: 'route.add',
        dst: '192.0.2.0/24',
        nexthops: [
          { dev: 'net1-0', gateway: '10.0.0.1' },
          { dev: 'net1-1', gateway: '10.0.32.1' },
        ],
      },
      { op: 'route.add', dst: '198.51.100.0/24', dev: 'net1-1', gateway: '10.0.32.9' },
    ]);
  });

  it('leaves out a gateway whose NIC the pod did not get', () => {
    const routes = [{ dst: '192.0.2.0/24', gw: '10.0.32.1' }];
    expect(podRoutes({ routes, defaultRoute: [], nics: nics.slice(0, 1), plugin })).to.deep.equal([]);
  });

  it('takes the first link with IPv6 to a link-local gateway', () => {
    const routes = [{ dst: '::/0', gw: 'fe80::99' }];
    expect(podRoutes({ routes, defaultRoute: ['fe80::1'], nics, plugin }).map(({ change }) => change)).to.deep.equal([
      {
        op: 'route.add',
        dst: '::/0',
        nexthops: [
          { dev: 'net1-1', gateway: 'fe80::99' },
          { dev: 'net1-1', gateway: 'fe80::1' },
        ],
      },
    ]);
  });

  it('goes by the host on a ptp link', () => {
    const routes = [{ dst: 'fd99::/64', gw: 'fd00::1' }, { dst: '192.0.2.0/24' }];
    expect(
      podRoutes({ routes, defaultRoute: [], nics, plugin: { type: 'ptp' } }).map(({ change }) => change),
    ).to.deep.equal([
      { op: 'route.add', dst: 'fd99::/64', dev: 'net1-1', gateway: 'fe80::1' },
      { op: 'route.add', dst: '192.0.2.0/24', dev: 'net1-0', gateway: '169.254.1.1', onlink: true },
    ]);
  });
});

describe('planOf', () => {
  const attachment = (plugin: Attachment['plugin']): Attachment => ({
    ...{ containerId: 'c', ifname: 'net1', callIfname: 'net1', configName: 'n', netns: '/run/netns/x', network: 'n' },
    since: '2026-01-01T00:00:00.000Z',
    ...{ plugin, pod: { uid: 'u', namespace: 't', name: 'p' }, nics, masterNets: [], routes: [], dns: {} },
    ...{ call: { args: '', path: '' }, defaultRoute: [], defaultFamilies: [] },
  });

  it('of the routes the result has those that are made', () => {
    const routes = ['10.0.32.1', '10.0.0.1'].map(gw => ({ dst: '192.0.2.0/24', gw }));
    const made = { ...attachment({ type: 'macvlan', mode: 'bridge' }), nics: nics.slice(0, 1), routes };
    expect(planOf(made, []).routes).to.have.length(1);
    expect(resultOf(made, intentOf(made, '1'), [], new Map()).routes).to.deep.equal(routes.slice(1));
  });

  it('makes each link of ipvlan in the pod, its address before it is up', () => {
    const { links, pod, host } = planOf(attachment({ type: 'ipvlan', mode: 'l3s', mtu: 9000 }), []);
    expect(links[0]).to.deep.equal({
      ...{
        op: 'link.add',
        kind: 'ipvlan',
        name: 'net1-0',
        parent: 'eth1',
        mode: 'l3s',
        targetNetns: '/run/netns/x',
        mtu: 9000,
      },
    });
    expect(pod.filter(({ op }) => op !== 'sysctl.set').slice(0, 2)).to.deep.equal([
      { op: 'address.add', dev: 'net1-0', address: '10.0.0.5/19', noDad: true },
      { op: 'link.set', dev: 'net1-0', up: true },
    ]);
    expect(pod.at(-1)).to.include({ op: 'altname.add', dev: 'net1-0', altName: 'net1' });
    expect(host).to.deep.equal([]);
  });

  it('gives a ptp link host addresses, and the host the way to them', () => {
    const { pod, host } = planOf(attachment({ type: 'ptp' }), []);
    const added = pod.flatMap(op => (op.op === 'address.add' ? [op.address] : []));
    expect(added).to.deep.equal(['10.0.0.5/32', '10.0.32.5/32', 'fd00::5/128']);
    const routes = host.flatMap(op => (op.op === 'route.replace' ? [`${op.dst} ${op.dev}`] : []));
    expect(routes).to.deep.equal([
      `10.0.0.5/32 ${hostEndName('c', 'net1-0')}`,
      `10.0.32.5/32 ${hostEndName('c', 'net1-1')}`,
      `fd00::5/128 ${hostEndName('c', 'net1-1')}`,
    ]);
  });

  describe('beside other attachments of the pod', () => {
    const plugin = { type: 'ptp' } as const;
    const routes = [{ dst: '192.0.2.0/24' }, { dst: '198.51.100.0/24', table: 7 }, { dst: '203.0.113.0/24' }];
    const first = { ...attachment(plugin), routes };
    const second: Attachment = {
      ...first,
      ifname: 'net2',
      nics: [{ name: 'net2-0', master: 'eth1', addresses: ['10.0.0.6/19'] }],
    };
    const entryOf = (made: Attachment): CheckpointEntry => withPlan(intentOf(made, '1'), made, planOf(made, []));

    it('has its own of each route that another one has, behind it', () => {
      const other = { ...first, routes: routes.slice(0, 2) };
      const ways = planOf(second, [entryOf(other)]).routes.map(({ change }) => `${change.op} ${change.dst}`);
      expect(ways).to.deep.equal([
        'route.append 10.0.0.0/19',
        'route.append 192.0.2.0/24',
        'route.append 198.51.100.0/24',
        'route.add 203.0.113.0/24',
      ]);
    });

    it('is refused an address that a ptp link of the node has already', () => {
      const [nic] = second.nics;
      const same = { ...second, nics: [{ ...nic!, addresses: ['10.0.0.5/24'] }] };
      const other = { ...same, containerId: 'd', pod: { uid: 'v', namespace: 'n', name: 'other' } };
      const refused = (wanted: Attachment) => () => {
        refuseTakenAddresses(wanted, [entryOf(first)]);
      };
      expect(refused(same)).to.throw(CniError, "the pod's net1-0 already has 10.0.0.5/32");
      expect(refused(other)).to.throw(CniError, `pod ${first.pod.namespace}/${first.pod.name} already has 10.0.0.5/32`);
      expect(refused({ ...first, nics: [...first.nics, { ...nic!, addresses: ['10.0.0.5/24'] }] })).to.throw(CniError);
      expect(refused({ ...same, containerId: 'next sandbox of the pod' })).not.to.throw();
      expect(refused(first)).not.to.throw();
      expect(refused(second)).not.to.throw();
    });
  });

  it('names host ends within the kernel’s 15 characters and with unicast, local hardware addresses', () => {
    for (let i = 0; i < 200; i++) {
      expect(hostEndName(`container-${i}`, 'net1-0')).to.match(/^mnp[0-9a-f]{12}$/);
      const first = Number.parseInt(ptpMac(`container-${i}`, 'net1-0', 'pod').slice(0, 2), 16);
      expect(first & 0b11).to.equal(0b10);
    }
  });
});
