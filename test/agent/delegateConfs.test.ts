import { expect } from 'chai';
import { annotation } from '../../core/api/names.ts';
import { pods } from '../../kube/api/resources.ts';
import { eventually } from '../eventually.ts';
import { chainedConfig, cniFixture, emptyResult, selecting } from './cniCalls.ts';
import { ours, spec } from './delegateSpec.ts';
import { multusConfig, type PrintedResult } from './sandbox.ts';
import { ScriptedPlugin } from './scriptedPlugin.ts';

const dns = { nameservers: ['192.0.2.53'], search: ['example.org'] };

describe('agent: what other plugins are called with, and what of their answers is handed on', function () {
  this.timeout(120_000);
  const test = cniFixture({
    cloud: spec(ours, { type: 'aws-ipvlan', args: { mode: 'l2' } }, '10.231.0.0/16'),
    capable: spec({ type: 'static' }, { type: 'told', capabilities: { bandwidth: true, portMappings: false } }),
    sections: spec(
      {
        type: 'multi-config',
        ipam_type: 'x-ipam',
        args: { eth2: { range: '192.0.2.0/25' }, eth1: { range: '192.0.2.128/25' } },
      },
      { type: 'told' },
    ),
    modern: spec({ type: 'static' }, { type: 'told', cniVersion: '1.1.0' }),
    named: { ...spec(ours, { dns }, '10.232.0.0/16') },
  });

  it('the NIC, its address and that of the pod, where the type is that of AWS', async () => {
    const plugin = new ScriptedPlugin(test.host.ownPlugins, 'aws-ipvlan', { cniVersion: '1.0.0' });
    using sandbox = await test.make('cloud');
    const config = await test.configOf('cloud');
    await sandbox.add(config);
    await sandbox.del(config);
    const of = (i: number): object => ({
      ...{ cniVersion: '1.0.0', name: 'cloud', type: 'aws-ipvlan', mode: 'l2' },
      ...{ master: `eth${i + 1}`, primaryIP: `172.20.${i + 1}.11`, podIP: `10.231.${32 * i}.1` },
      ipam: { type: 'static', addresses: [{ address: `10.231.${32 * i}.1/19` }] },
    });
    const added = plugin.calls.filter(({ command }) => command === 'ADD');
    expect(added.map(({ ifname, conf }) => [ifname, conf])).to.deep.equal([
      ['net1-0', of(0)],
      ['net1-1', of(1)],
    ]);
    expect(plugin.calls.slice(2).map(({ command, ifname }) => `${command} ${ifname}`)).to.deep.equal([
      'DEL net1-1',
      'DEL net1-0',
    ]);
  });

  it('of runtimeConfig what the network declares, and never the declaration', async () => {
    const plugin = new ScriptedPlugin(test.host.ownPlugins, 'told', { cniVersion: '1.0.0' });
    using sandbox = await test.make('capable');
    const runtimeConfig = { bandwidth: { ingressRate: 1000 }, portMappings: [{ hostPort: 80 }], aliases: { x: ['y'] } };
    const config = await multusConfig(test.site, 'capable', { cniArgs: { nics: 1 }, runtimeConfig });
    await sandbox.add(config);
    await sandbox.del(config);
    expect(plugin.calls.map(({ command }) => command)).to.deep.equal(['ADD', 'DEL']);
    for (const { command, conf } of plugin.calls) {
      expect(conf.runtimeConfig, command).to.deep.equal({ bandwidth: { ingressRate: 1000 } });
      expect(conf, command).not.to.have.property('capabilities');
    }
    plugin.forget();
  });

  it('multi-config: each NIC with its own section, also where a plugin makes the interfaces', async () => {
    const plugin = new ScriptedPlugin(test.host.ownPlugins, 'told', { cniVersion: '1.0.0' });
    using sandbox = await test.make('sections');
    const config = await test.configOf('sections');
    await sandbox.add(config);
    await sandbox.del(config);
    expect(plugin.calls.map(({ command, conf: { master, ipam } }) => [command, master, ipam])).to.deep.equal([
      ['ADD', 'eth2', { type: 'x-ipam', range: '192.0.2.0/25' }],
      ['ADD', 'eth1', { type: 'x-ipam', range: '192.0.2.128/25' }],
      ['DEL', 'eth1', { type: 'x-ipam', range: '192.0.2.128/25' }],
      ['DEL', 'eth2', { type: 'x-ipam', range: '192.0.2.0/25' }],
    ]);
    plugin.forget();
  });

  it('16., 18. the device, the socket, the routes and the DNS that a plugin tells, as far as the version knows them', async () => {
    const route = { dst: '198.51.100.0/24', gw: '192.0.2.1', mtu: 1400, priority: 7, table: 1007, scope: 200 };
    const device = { mac: '02:00:00:00:00:01', pciID: '0000:3b:01.0', socketPath: '/run/vhost.sock' };
    new ScriptedPlugin(test.host.ownPlugins, 'told', {
      cniVersion: '1.1.0',
      interfaces: [{ name: 'any', ...device, sandbox: '/x' }],
      ips: [{ address: '192.0.2.9/24', gateway: '192.0.2.1', interface: 0 }],
      ...{ routes: [route], dns },
    });
    const config = await test.configOf('modern', { cniArgs: { nics: 1 } });
    using sandbox = await test.make('modern');
    const add = async (cniVersion: string): Promise<PrintedResult> => {
      const call = { ...config, cniVersion };
      const result = await sandbox.add(call);
      await sandbox.del(call);
      return result;
    };
    const made = { name: 'net1-0', sandbox: sandbox.namespace.path };
    expect(await add('1.1.0')).to.deep.equal({
      cniVersion: '1.1.0',
      interfaces: [{ ...made, ...device }],
      ips: [{ address: '192.0.2.9/24', gateway: '192.0.2.1', interface: 0 }],
      ...{ routes: [route], dns },
    });
    const older = await add('1.0.0');
    expect(older.interfaces).to.deep.equal([{ ...made, mac: device.mac }]);
    expect(older.routes).to.deep.equal([{ dst: route.dst, gw: route.gw }]);
    expect(older.dns).to.deep.equal(dns);
  });

  it('17. an address that a plugin tells of another interface that it has made in the pod is not that of the one that was asked for', async () => {
    const of = (host: string, at: number): object => ({
      address: `192.0.${at}.${host}/24`,
      gateway: `192.0.${at}.1`,
      interface: at,
    });
    new ScriptedPlugin(test.host.ownPlugins, 'told', {
      cniVersion: '1.1.0',
      interfaces: [{ name: 'br7' }, { name: 'beside', sandbox: '/x' }, { name: 'net1-0', sandbox: '/x' }],
      ips: [of('9', 1), of('10', 2)],
    });
    const config = await test.configOf('modern', { cniArgs: { nics: 1 } });
    using sandbox = await test.make('several');
    const { ips } = await sandbox.add(config);
    expect(ips).to.deep.equal([{ address: '192.0.2.10/24', gateway: '192.0.2.1', interface: 0 }]);
    await sandbox.del(config);
  });

  it('the DNS of the network is in the result, and without Multus in the status of the pod', async () => {
    using sandbox = await test.make('named', selecting({ name: 'named', 'cni-args': { nics: 1 } }));
    const config = await test.configOf('named', { cniArgs: { nics: 1 } });
    expect((await sandbox.add(config)).dns).to.deep.equal(dns);
    await sandbox.del(config);
    const chained = chainedConfig('1.0.0', emptyResult);
    await sandbox.add(chained, 'eth0');
    const text = await eventually('the status', async () => {
      const { metadata } = await test.site.client.get(pods, { namespace: 'default', name: 'named' });
      return metadata.annotations?.[annotation.networkStatus];
    });
    const status = JSON.parse(text) as { interface: string; dns?: object }[];
    expect(status.find(item => item.interface === 'net1-0')?.dns).to.deep.equal(dns);
    expect(await sandbox.call('DEL', chained, { ifname: 'eth0' })).to.include({ exitCode: 0 });
  });
});
