import { expect } from 'chai';
import type { MultiNicNetworkSpec } from '../../core/api/types.ts';
import type { Host } from './host.ts';
import { testTimeoutMs } from './inside.ts';
import { nameOf, type NetworkCase, networkSpec } from './networks.ts';
import { errorOf, linkNames, multusConfig, Sandbox } from './sandbox.ts';
import { Site } from './site.ts';

const ptp = { type: 'ptp', vlanMode: 'l3' } as const;

/** The host routes to ptp links; other types answer on the NIC's own network. */
const networkCases: readonly NetworkCase[] = [ptp, { type: 'macvlan', mode: 'bridge', vlanMode: 'l2' }];

const routes = [{ dst: '198.51.100.0/24' }, { dst: '203.0.113.0/24', table: 1008 }, { dst: '2001:db8::/32' }];

function specOf(network: NetworkCase, octet: number, more: object): MultiNicNetworkSpec {
  const spec = networkSpec(network, octet);
  return { ...spec, ipam: JSON.stringify({ ...(JSON.parse(spec.ipam ?? '{}') as object), ...more }) };
}

describe('agent: a pod that selects a network twice', function () {
  this.timeout(testTimeoutMs);
  let site: Site;
  let host: Host;

  before(async function () {
    site = await Site.start({ hosts: 1, nics: 2 });
    host = site.hosts[0]!;
    for (const [i, network] of networkCases.entries()) {
      const subnet = `10.${230 + i}.0.0/16,fd00:${230 + i}::/48`;
      await site.addNetwork(nameOf(network), { ...specOf(network, 230 + i, { routes }), subnet });
    }
    await site.addNetwork('way-out', specOf(ptp, 232, { routes: [{ dst: '0.0.0.0/0' }] }));
    await site.addNetwork('fixed', {
      ipam: '{"type":"static","addresses":[{"address":"192.0.2.1/24"}]}',
      plugin: { cniVersion: '1.0.0', type: 'ptp' },
    });
  });
  after(() => site?.[Symbol.asyncDispose]());

  /** What leads into the pod's networks by its links, in all tables, and on the host to its addresses; not to link-local ones. */
  const routesOf = ({ namespace }: Sandbox): string[] =>
    ['-4', '-6']
      .flatMap(family => [
        namespace.ip(family, 'route', 'show', 'table', 'all', 'type', 'unicast'),
        host.namespace.ip(family, 'route', 'show', 'proto', '77'),
      ])
      .flatMap(text => text.split('\n').filter(line => /^(?!fe80::\/).* dev (net|mnp)/.test(line)))
      .sort();
  const succeeds = async (ending: ReturnType<Sandbox['call']>): Promise<void> => {
    expect(await ending).to.deep.equal({ exitCode: 0, stdout: '', stderr: '' });
  };

  for (const network of networkCases) {
    for (const [first, second] of [
      ['net1', 'net2'],
      ['net2', 'net1'],
    ] as const) {
      it(`${network.type}: DEL of ${first} leaves ${second} its routes, those of spec.ipam.routes too`, async () => {
        const config = {
          ...(await multusConfig(site, nameOf(network), { cniArgs: { nics: 2 } })),
          cniVersion: '1.0.0',
        };
        using sandbox = await Sandbox.make(site, host, `${network.type}-${first}`);
        await sandbox.add(config, second);
        const alone = routesOf(sandbox);
        await succeeds(sandbox.call('DEL', config, { ifname: second }));
        expect(routesOf(sandbox)).to.deep.equal([]);

        const prevResults: Record<string, object> = {};
        for (const ifname of [first, second]) prevResults[ifname] = await sandbox.add(config, ifname);
        const check = (ifname: string): ReturnType<Sandbox['call']> =>
          sandbox.call('CHECK', { ...config, prevResult: prevResults[ifname] }, { ifname });
        await succeeds(check(first));
        await succeeds(check(second));
        await succeeds(sandbox.call('DEL', config, { ifname: first }));
        await succeeds(check(second));
        // What came second answers by tables of its own, where it shares a subnet.
        expect(routesOf(sandbox).filter(route => !/ table 18\d{8} /.test(route))).to.deep.equal(alone);
        await succeeds(sandbox.call('DEL', config, { ifname: second }));
        expect([...sandbox.links(), ...routesOf(sandbox)]).to.deep.equal([]);
      });
    }
  }

  it('a route of spec.ipam.routes that somebody else has is refused, and stays', async () => {
    const config = await multusConfig(site, 'way-out', { cniArgs: { nics: 1 } });
    using sandbox = await Sandbox.make(site, host, 'way-out');
    const hostLinks = linkNames(host.namespace);
    sandbox.namespace.ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'other');
    sandbox.namespace.ip('link', 'set', 'eth0', 'up');
    sandbox.namespace.ip('route', 'add', 'default', 'dev', 'eth0');
    const { msg, details } = errorOf(await sandbox.call('ADD', config));
    expect(msg).to.contain('way-out').and.contain('0.0.0.0/0').and.contain('EEXIST');
    expect(details).to.contain('MNN_ROUTE_TAKEN').and.contain('default-route');
    expect(sandbox.namespace.ip('route', 'show', 'default')).to.match(/^default dev eth0 /);
    expect(linkNames(host.namespace)).to.deep.equal(hostLinks);
  });

  it('ptp: an address that a link on the node has is refused: the host has one route to it', async () => {
    const config = await multusConfig(site, 'fixed', { cniArgs: { nics: 1 } });
    using sandbox = await Sandbox.make(site, host, 'fixed');
    await sandbox.add(config, 'net1');
    const before = routesOf(sandbox);
    const { code, msg, details } = errorOf(await sandbox.call('ADD', config, { ifname: 'net2' }));
    expect(code).to.equal(100);
    expect(msg).to.equal(
      "network fixed: the pod's net1-0 already has 192.0.2.1/32, and the host can have only one route to it",
    );
    expect(details).to.contain('MNN_ADDRESS_TAKEN');
    expect(sandbox.links()).to.deep.equal(['net1-0']);
    expect(routesOf(sandbox)).to.deep.equal(before);

    using other = await Sandbox.make(site, host, 'fixed-too');
    expect(errorOf(await other.call('ADD', config)).msg).to.contain('pod default/fixed already has 192.0.2.1/32');
    expect(routesOf(sandbox)).to.deep.equal(before);
    await sandbox.del(config);
    await other.add(config);
    await other.del(config);
  });

  /** Whether a pod beside it reaches the addresses of a pod's second attachment. */
  async function reachesSecond(name: string, pattern: RegExp): Promise<void> {
    const config = await multusConfig(site, 'ptp', { cniArgs: { nics: 2 } });
    using sandbox = await Sandbox.make(site, host, name);
    using beside = await Sandbox.make(site, host, `beside-${name}`);
    for (const { namespace } of [sandbox, beside]) namespace.exec('sysctl', '-qw', 'net.ipv4.conf.default.rp_filter=1');
    await beside.add(config);
    await sandbox.add(config, 'net1');
    const { ips } = await sandbox.add(config, 'net2');
    for (const { address } of ips.filter(ip => pattern.test(ip.address)))
      beside.namespace.exec('ping', '-n', '-q', '-c', '1', '-W', '2', address.split('/')[0]!);
    await beside.del(config);
    for (const ifname of ['net1', 'net2']) await succeeds(sandbox.call('DEL', config, { ifname }));
    expect(sandbox.namespace.ip('rule')).not.to.contain('lookup 18');
  }

  it('ptp: both are reached, though hosts, and pods of some systems, drop what comes by another link than the way back', async () => {
    await reachesSecond('strict', /\./);
  });

  it('ptp: both have IPv6 where new links of the host have none', async () => {
    const set = (value: 0 | 1): unknown =>
      host.namespace.exec(
        ...['sysctl', '-qw', `net.ipv6.conf.default.disable_ipv6=${value}`, `net.ipv6.conf.all.forwarding=${value}`],
      );
    set(1);
    try {
      await reachesSecond('without-six', /:/);
    } finally {
      set(0);
    }
  });

  it('macvlan: answers from an address leave by the link that has it', async () => {
    const config = await multusConfig(site, 'macvlan-bridge', { cniArgs: { nics: 1 } });
    using sandbox = await Sandbox.make(site, host, 'two-ways');
    for (const ifname of ['net1', 'net2']) {
      const { ips } = await sandbox.add(config, ifname);
      for (const { address } of ips) {
        const [from = ''] = address.split('/');
        const peer = from.replace(/[^.:]*$/, '77');
        expect(sandbox.namespace.ip('route', 'get', peer, 'from', from), from).to.contain(` dev ${ifname}-0 `);
      }
    }
    for (const ifname of ['net1', 'net2']) await succeeds(sandbox.call('DEL', config, { ifname }));
    expect(sandbox.namespace.ip('rule')).not.to.contain('lookup 18');
  });
});
