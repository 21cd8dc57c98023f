import { expect } from 'chai';
import type { Delegate } from '../../core/delegate/delegate.ts';
import { parseCidr } from '../../core/net/cidr.ts';
import type { Op } from '../netlink/types.ts';
import type { Attachment, AttachmentNic } from './attachment.ts';
import { planOf } from './plan.ts';
import { withRails } from './rails.ts';

const east = '172.16.0.0/12';

function nic(rail: number, ...addresses: string[]): AttachmentNic {
  return { name: `net1-${rail}`, master: `eth${rail}`, addresses };
}

function attachment(over: Partial<Attachment> = {}): Attachment {
  return {
    since: '2026-01-01T00:00:00.000Z',
    containerId: 'c',
    ifname: 'net1',
    callIfname: 'net1',
    configName: 'n',
    netns: '/run/netns/x',
    network: 'n',
    plugin: { type: 'delegate', name: 'host-device' },
    pod: { uid: 'u', namespace: 'd', name: 'p' },
    call: { args: '', path: '' },
    nics: [nic(0, '172.16.0.5/31'), nic(1, '172.18.0.5/31')],
    masterNets: ['172.16.0.0/15', '172.18.0.0/15', '172.20.0.0/15'].map(parseCidr),
    routes: [],
    defaultRoute: [],
    defaultFamilies: [],
    dns: {},
    ...over,
  };
}

/** As `ip route` and `ip rule` would show what is made in the pod. */
function made(given: Attachment, plugins: Record<string, { dst: string; gw?: string }[]> = {}): string[] {
  const answers = new Map(
    Object.entries(plugins).map(([name, routes]) => [
      name,
      { printed: {}, result: { interfaces: [], ips: [], routes, dns: {} } },
    ]),
  );
  return planOf(withRails(given, answers), []).pod.flatMap((op: Op): string[] => {
    if (op.op === 'rule.add') return [`rule ${op.from ?? ''} ${name(op.table ?? 0)}`];
    if (op.op !== 'route.add' && op.op !== 'route.replace') return [];
    const hops = (op.nexthops ?? [op]).map(({ gateway, dev }) => `${gateway ?? 'on link'} ${dev ?? ''}`).join(', ');
    const metric = op.metric === undefined ? '' : ` metric ${op.metric}`;
    return [`${op.dst} ${op.table === undefined ? 'main' : name(op.table)}: ${hops}${metric}`];
  });
}

const tables = new Map<number, string>();

/** Tables in the order in which they come up. */
function name(table: number): string {
  const known = tables.get(table) ?? `t${tables.size}`;
  tables.set(table, known);
  return known;
}

describe('a pod on rails', () => {
  beforeEach(() => {
    tables.clear();
  });

  it('reaches each rail by its own interface, one that it is not on by all, and answers by the interface that was asked', () => {
    expect(made(attachment())).to.deep.equal([
      '172.16.0.0/15 main: 172.16.0.4 net1-0',
      '172.18.0.0/15 main: 172.18.0.4 net1-1',
      '172.20.0.0/15 main: 172.16.0.4 net1-0, 172.18.0.4 net1-1 metric 2048',
      '172.16.0.4/31 t0: on link net1-0',
      '172.16.0.0/15 t0: 172.16.0.4 net1-0',
      '172.18.0.0/15 t0: 172.16.0.4 net1-0',
      '172.20.0.0/15 t0: 172.16.0.4 net1-0 metric 2048',
      'rule 172.16.0.5/32 t0',
      '172.18.0.4/31 t1: on link net1-1',
      '172.16.0.0/15 t1: 172.18.0.4 net1-1',
      '172.18.0.0/15 t1: 172.18.0.4 net1-1',
      '172.20.0.0/15 t1: 172.18.0.4 net1-1 metric 2048',
      'rule 172.18.0.5/32 t1',
    ]);
  });

  it('has the network’s routes without a gateway by its first interface, and in answers by the one that was asked', () => {
    const masterNets = [parseCidr(east)];
    expect(made(attachment({ masterNets, routes: [{ dst: '10.9.0.0/16' }] }))).to.deep.equal([
      '10.9.0.0/16 main: 172.16.0.4 net1-0',
      `${east} main: 172.16.0.4 net1-0, 172.18.0.4 net1-1`,
      '172.16.0.4/31 t0: on link net1-0',
      '10.9.0.0/16 t0: 172.16.0.4 net1-0',
      `${east} t0: 172.16.0.4 net1-0`,
      'rule 172.16.0.5/32 t0',
      '172.18.0.4/31 t1: on link net1-1',
      '10.9.0.0/16 t1: 172.18.0.4 net1-1',
      `${east} t1: 172.18.0.4 net1-1`,
      'rule 172.18.0.5/32 t1',
    ]);
  });

  it('takes the gateway that an IPAM plugin gave; a plugin’s routes are not made again, but every address has them', () => {
    const conf = { cniVersion: '1.0.0', name: 'n', type: 'sriov' };
    const delegate = { role: 'plugin', conf } as unknown as Delegate;
    const nics = [{ ...nic(0, '172.16.0.6/30'), gateways: ['172.16.0.5'], delegate }];
    const masterNets = [parseCidr('172.16.0.0/15'), parseCidr(east)];
    const told = { 'net1-0': [{ dst: east }, { dst: '10.9.0.0/16', gw: '172.16.0.5' }] };
    expect(made(attachment({ nics, masterNets }), told)).to.deep.equal([
      '172.16.0.0/15 main: 172.16.0.5 net1-0',
      '172.16.0.4/30 t0: on link net1-0',
      `${east} t0: 172.16.0.5 net1-0`,
      '10.9.0.0/16 t0: 172.16.0.5 net1-0',
      '172.16.0.0/15 t0: 172.16.0.5 net1-0',
      'rule 172.16.0.6/32 t0',
    ]);
  });

  it('has both families, each by its own routers', () => {
    const nics = [nic(0, '172.16.0.5/31', 'fd00::5/127')];
    const masterNets = ['172.16.0.0/15', 'fd00::/64', 'fd00:1::/64'].map(parseCidr);
    const main = made(attachment({ nics, masterNets })).filter(line => line.includes('main'));
    expect(main).to.deep.equal([
      '172.16.0.0/15 main: 172.16.0.4 net1-0',
      'fd00::/64 main: fd00::4 net1-0',
      'fd00:1::/64 main: fd00::4 net1-0 metric 2048',
    ]);
  });

  it('keeps its default route where an entry of masterNets names all NICs', () => {
    const all = ['0.0.0.0/0', '::/0'].map(parseCidr);
    const nics = [nic(0, '172.16.0.5/31', 'fd00::5/127')];
    expect(made(attachment({ nics, masterNets: all })).filter(line => line.includes('/0'))).to.deep.equal([]);
    const both = attachment({ nics, masterNets: [...all, parseCidr(east)], routes: [{ dst: '10.9.0.0/16' }] });
    expect(made(both).filter(line => line.includes('main'))).to.deep.equal([
      '10.9.0.0/16 main: 172.16.0.4 net1-0',
      `${east} main: 172.16.0.4 net1-0`,
    ]);
  });

  it('has nothing of it in wider subnets, in those that masterNets names themselves, and beside a neighbour’s subnet', () => {
    expect(made(attachment({ nics: [nic(0, '172.16.0.5/24')] }))).to.deep.equal([]);
    expect(made(attachment({ masterNets: [parseCidr('172.16.0.4/31')] }))).to.deep.equal([]);
    expect(made(attachment({ masterNets: [] }))).to.deep.equal([]);
    const nics = [nic(0, '172.16.0.5/31'), nic(1, '172.18.0.5/24')];
    const masterNets = ['172.16.0.0/15', '172.18.0.0/24'].map(parseCidr);
    const main = made(attachment({ nics, masterNets })).filter(line => line.includes('main'));
    expect(main).to.deep.equal(['172.16.0.0/15 main: 172.16.0.4 net1-0']);
  });
});
