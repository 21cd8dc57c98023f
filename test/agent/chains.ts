import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ChainedPlugin } from '../../core/api/types.ts';
import { ptpSpec } from './cniCalls.ts';
import { ours, spec } from './delegateSpec.ts';
import { addVirtualFunctions, assignDevices } from './devices.ts';
import type { Host } from './host.ts';
import { errorOf, linkNames, multusConfig, Sandbox } from './sandbox.ts';
import { ScriptedPlugin } from './scriptedPlugin.ts';
import type { Site } from './site.ts';

/**
 * Cases of delegates.test.ts, on its site: plugins that follow the one that makes the interfaces.
 * @param at the site once it is up
 */
export function chains(at: () => Site): void {
  let site: Site;
  let host: Host;
  const marked = (mark: string, more: Partial<ChainedPlugin> = {}): ChainedPlugin => {
    return { type: 'follower', args: { mark }, ...more };
  };
  const given = { cniVersion: '1.1.0', interfaces: [{ name: 'told', sandbox: '/x' }] };

  before(async () => {
    site = at();
    host = site.hosts[0]!;
    const asked = marked('two', { capabilities: { bandwidth: true, mac: true } });
    const followed = { cniVersion: '1.1.0', chain: [marked('one'), asked] };
    await site.addNetwork('followed', spec(ours, followed, '10.238.0.0/16'));
    await site.addNetwork('followed-device', {
      ...spec('{}', { type: 'sriov', args: { resourceName: 'example.com/followed' }, chain: [marked('device')] }),
    });
    const settings = { sysctl: '{"net.core.somaxconn": "1024"}', mtu: '1300', allmulti: 'true' };
    const chain = [{ type: 'tuning', args: settings }, { type: 'sbr' }];
    const routed = { ...(JSON.parse(ours) as object), routes: [{ dst: '192.0.2.0/24', gw: '10.239.0.254' }] };
    await site.addNetwork('tuned', spec(JSON.stringify(routed), { chain }, '10.239.0.0/16'));
    const { plugin, ...rest } = ptpSpec(241);
    const args = { ingressRate: '8000000', ingressBurst: '80000' };
    await site.addNetwork('limited', { ...rest, plugin: { ...plugin, chain: [{ type: 'bandwidth', args }] } });
  });

  const entries = (): string[] => readdirSync(join(host.folder, 'state', 'attachments'));
  const seen = (plugin: ScriptedPlugin): string[] =>
    plugin.calls.map(({ command, ifname, conf }) => `${command} ${ifname} ${String(conf.mark)}`.trim());

  it('are called in their order for each NIC with the result before, in reverse for DEL, and get nothing of cni-args', async () => {
    const plugin = new ScriptedPlugin(host.ownPlugins, 'follower', given);
    const config = await multusConfig(site, 'followed', {
      cniArgs: { nics: 2, sysctl: { 'net.ipv4.ip_forward': '1' } },
      runtimeConfig: { bandwidth: { ingressRate: 1000 }, portMappings: [{ hostPort: 80 }] },
    });
    expect(config.capabilities).to.deep.equal({ bandwidth: true, ips: true, mac: true });
    using sandbox = await Sandbox.make(site, host, 'followed');
    const result = await sandbox.add(config);
    expect(result.interfaces.map(({ name, sandbox: netns }) => [name, netns])).to.deep.equal(
      ['net1-0', 'net1-1'].map(name => [name, sandbox.namespace.path]),
    );
    expect((await sandbox.check(config, result)).stdout).to.equal('');
    expect(await sandbox.call('STATUS', config)).to.include({ exitCode: 0 });
    const known = [{ containerID: sandbox.containerId, ifname: 'net1' }];
    expect(await sandbox.call('GC', { ...config, 'cni.dev/valid-attachments': known })).to.include({ exitCode: 0 });
    await sandbox.del(config);
    const inOrder = ['net1-0 one', 'net1-0 two', 'net1-1 one', 'net1-1 two'];
    expect(seen(plugin)).to.deep.equal([
      ...['ADD', 'CHECK'].flatMap(verb => inOrder.map(what => `${verb} ${what}`)),
      ...['STATUS  one', 'STATUS  two', 'GC  one', 'GC  two'],
      ...inOrder.toReversed().map(what => `DEL ${what}`),
    ]);
    const [first, second] = plugin.calls;
    const { prevResult, ...conf } = first?.conf ?? {};
    expect(conf).to.deep.equal({ cniVersion: '1.1.0', name: 'followed', type: 'follower', mark: 'one' });
    const { interfaces, ips } = prevResult as typeof result;
    expect(ips.map(({ address, interface: i }) => [address, interfaces[i]?.name])).to.deep.equal([
      ['10.238.0.1/19', 'net1-0'],
    ]);
    expect(second?.conf).to.deep.include({
      prevResult: given,
      runtimeConfig: { bandwidth: { ingressRate: 1000 } },
    });
    const later = plugin.calls.filter(({ command }) => command === 'CHECK' || command === 'DEL');
    for (const call of later) expect(call.conf.prevResult, call.command).to.deep.equal(given);
    expect(entries()).to.deep.equal([]);
    plugin.forget();
  });

  it('get the device, which `rdma` moves, before the plugin that made the interface takes it out again', async () => {
    const maker = new ScriptedPlugin(host.ownPlugins, 'sriov', { cniVersion: '1.0.0' });
    const plugin = new ScriptedPlugin(host.ownPlugins, 'follower', { cniVersion: '1.0.0' });
    addVirtualFunctions(host, { '0000:9e:01.0': 'eth1' });
    using sandbox = await Sandbox.make(site, host, 'followed-device');
    const deviceID = '0000:9e:01.0';
    assignDevices(host, sandbox.pod.metadata.uid!, { 'example.com/followed': { '-1': [deviceID] } });
    const config = await multusConfig(site, 'followed-device');
    await sandbox.add(config);
    await sandbox.del(config);
    expect(seen(plugin)).to.deep.equal(['ADD net1-0 device', 'DEL net1-0 device']);
    for (const { conf } of plugin.calls)
      expect(conf).to.deep.include({ deviceID, runtimeConfig: { deviceID }, mark: 'device' });
    expect(maker.calls.map(({ command }) => command)).to.deep.equal(['ADD', 'DEL']);
    plugin.forget();
    maker.forget();
  });

  it('tuning and sbr: sysctls, an MTU and a table for each of two NICs, which the result and CHECK know', async () => {
    const config = { ...(await multusConfig(site, 'tuned', { cniArgs: { nics: 2 } })), cniVersion: '1.1.0' };
    using sandbox = await Sandbox.make(site, host, 'tuned');
    const result = await sandbox.add(config);
    expect(result.interfaces.map(({ mtu }) => mtu)).to.deep.equal([1300, 1300]);
    for (const [i, { address }] of result.ips.entries()) {
      const { namespace } = sandbox;
      expect(namespace.exec('cat', '/proc/sys/net/core/somaxconn').trim()).to.equal('1024');
      expect(namespace.ip('link', 'show', `net1-${i}`)).to.contain('ALLMULTI');
      expect(namespace.ip('rule')).to.contain(`from ${address.split('/')[0]} lookup ${100 + i}`);
    }
    expect(sandbox.namespace.ip('route', 'show', 'table', '100')).to.contain('192.0.2.0/24 via 10.239.0.254');
    expect(sandbox.namespace.ip('route', 'show', '192.0.2.0/24')).to.equal('');
    expect((await sandbox.check(config, result)).stdout).to.equal('');
    await sandbox.del(config);
    expect(sandbox.links()).to.deep.equal([]);
    expect(sandbox.namespace.ip('rule').trim().split('\n')).to.have.length(3);
  });

  it('bandwidth finds the host end of a ptp link', async () => {
    const config = await multusConfig(site, 'limited', { cniArgs: { nics: 2 } });
    using sandbox = await Sandbox.make(site, host, 'limited');
    const result = await sandbox.add(config);
    const ends = result.interfaces.filter(({ sandbox: netns }) => netns === undefined).map(({ name }) => name);
    expect(ends).to.have.length(2);
    for (const name of ends) expect(host.namespace.exec('tc', 'qdisc', 'show', 'dev', name)).to.match(/htb|tbf/);
    expect((await sandbox.check(config, result)).stdout).to.equal('');
    await sandbox.del(config);
    expect(linkNames(host.namespace)).not.to.include.members(ends);
  });

  it('one that refuses, or is not there, is named, and leaves neither interface nor entry, whatever its DEL says', async () => {
    const plugin = new ScriptedPlugin(host.ownPlugins, 'follower', {});
    plugin.answer('{"code":117,"msg":"no luck"}', {
      DEL: { cniVersion: '1.0.0', code: 118, msg: 'never heard of it' },
    });
    const config = await multusConfig(site, 'followed', { cniArgs: { nics: 1 } });
    using sandbox = await Sandbox.make(site, host, 'refused');
    expect(errorOf(await sandbox.call('ADD', config))).to.include({ code: 117 });
    expect([sandbox.links(), entries()]).to.deep.equal([[], []]);
    rmSync(join(host.ownPlugins, 'follower'));
    expect(errorOf(await sandbox.call('ADD', config)).msg).to.contain('"follower" is not there');
    expect([sandbox.links(), entries()]).to.deep.equal([[], []]);
    await sandbox.del(config);
    plugin.forget();
  });

  it('one that fails at DEL is called again, and then keeps no pod from ending', async () => {
    const plugin = new ScriptedPlugin(host.ownPlugins, 'follower', given);
    const config = await multusConfig(site, 'followed', { cniArgs: { nics: 1 } });
    using sandbox = await Sandbox.make(site, host, 'stubborn');
    await sandbox.add(config);
    plugin.answer(given, { DEL: { cniVersion: '1.1.0', code: 118, msg: 'not today' } });
    expect(errorOf(await sandbox.call('DEL', config)).msg).to.contain('not today');
    expect(sandbox.links()).to.deep.equal([]);
    expect(entries()).to.have.length(1);
    await sandbox.del(config);
    expect(seen(plugin).filter(call => call.startsWith('DEL'))).to.deep.equal(
      ['two', 'one', 'two', 'one'].map(mark => `DEL net1-0 ${mark}`),
    );
    expect(entries()).to.deep.equal([]);
    plugin.forget();
  });
}
