import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { dieAtVariable } from '../../agent/base/steps.ts';
import { annotation } from '../../core/api/names.ts';
import type { MultiNicNetwork, MultiNicNetworkSpec, PluginSpec } from '../../core/api/types.ts';
import { blocks } from '../system/pages.ts';
import { chainedConfig, emptyResult } from './cniCalls.ts';
import type { Host } from './host.ts';
import { movedNics } from './movedNics.ts';
import { errorOf, multusConfig, Sandbox } from './sandbox.ts';
import { ScriptedPlugin } from './scriptedPlugin.ts';
import { Site } from './site.ts';
import { withoutAddresses } from './withoutAddresses.ts';

const ours = JSON.stringify({ type: 'multi-nic-ipam', hostBlock: 7, interfaceBlock: 3 });

function spec(ipam: object | string, plugin: Partial<PluginSpec>, subnet = ''): MultiNicNetworkSpec {
  return {
    ...(subnet !== '' && { subnet, multiNICIPAM: true }),
    ipam: typeof ipam === 'string' ? ipam : JSON.stringify(ipam),
    plugin: { cniVersion: '1.0.0', type: 'macvlan', ...plugin },
  };
}

/** The network of that name in the guide on devices. */
function documented(name: string): MultiNicNetworkSpec {
  const texts = blocks('docs/guides/sriov-and-mellanox.md', 'yaml');
  const networks = texts.map(text => parse(text) as Partial<MultiNicNetwork>);
  return networks.find(({ metadata }) => metadata?.name === name)!.spec!;
}

describe('agent: other plugins as delegates', function () {
  this.timeout(120_000);
  let site: Site;
  let host: Host;
  let leases: string;

  before(async function () {
    site = await Site.start({ hosts: 1, nics: 4 });
    host = site.hosts[0]!;
    leases = join(host.folder, 'leases');
    const hostLocal = { type: 'host-local', dataDir: leases };
    const ranges = (subnet: string): object => ({ ranges: [[{ subnet, rangeStart: subnet.replace('0/24', '10') }]] });
    const beyond = { routes: [{ dst: '192.0.2.0/24', gw: '198.51.100.1' }] };
    await site.addNetwork('leased', spec({ ...hostLocal, ...ranges('198.51.100.0/24'), ...beyond }, {}));
    const behind = { routes: [{ dst: '198.51.102.0/24', gw: '198.18.0.2' }, { dst: '198.51.103.0/24' }] };
    const section = (subnet: string): object => ({ dataDir: leases, ...ranges(subnet) });
    const args = { eth2: section('203.0.113.0/24'), eth1: { ...section('198.18.0.0/24'), ...behind } };
    const config = { type: 'multi-config', ipam_type: 'host-local', args };
    await site.addNetwork('configured', spec({ ...config, routes: [{ dst: '192.0.2.0/24', gw: '198.18.0.1' }] }, {}));
    const out = { ...ranges('198.51.101.0/24'), routes: [{ dst: '0.0.0.0/0' }, { dst: '192.0.2.0/24' }] };
    await site.addNetwork('way-out', spec({ ...hostLocal, ...out }, { type: 'bridge', args: { bridge: 'br-out' } }));
    await site.addNetwork('asked', spec({ type: 'static' }, { capabilities: { ips: true } }));
    await site.addNetwork(
      'bridged',
      spec(ours, { type: 'bridge', args: { bridge: 'br-test', mtu: '1400' } }, '10.230.0.0/16'),
    );
    await site.addNetwork('moved', spec({ type: 'host-device-ipam' }, { type: 'host-device', cniVersion: '0.3.1' }));
    const sriov = {
      vlan: '999',
      vlanQos: '3',
      spoofchk: 'true',
      trust: 'off',
      maxTxRate: '100',
      numVfs: '2',
      linkState: 'auto',
    };
    await site.addNetwork('virtual', spec(ours, { type: 'sriov', args: sriov }, '10.231.0.0/16'));
    await site.addNetwork('shared', spec(ours, { type: 'sriov' }, '10.233.0.0/16'));
    const { ipam = '', plugin } = documented('infiniband');
    await site.addNetwork('infiniband', spec(ipam, { ...plugin, cniVersion: '1.0.0' }));
    await site.addNetwork('modern', spec({ type: 'recorded-ipam' }, { cniVersion: '1.1.0' }));
    await site.addNetwork('broken', spec(ours, { type: 'failing' }, '10.232.0.0/16'));
  });
  after(() => site[Symbol.asyncDispose]());

  const leaseFiles = (): string[] => {
    try {
      return readdirSync(join(leases, 'leased')).filter(name => /^\d/.test(name));
    } catch {
      return []; // not made yet
    }
  };

  it('an IPAM plugin gives each NIC its address, which CHECK looks at and DEL gives back', async () => {
    const config = await multusConfig(site, 'leased', { cniArgs: { nics: 2 } });
    using sandbox = await Sandbox.make(site, host, 'leased');
    const result = await sandbox.add(config);
    expect(result.ips.map(({ address, interface: i }) => [address, i])).to.deep.equal([
      ['198.51.100.10/24', 0],
      ['198.51.100.11/24', 1],
    ]);
    expect(sandbox.namespace.ip('-o', 'address', 'show', 'net1-1')).to.contain('198.51.100.11/24');
    expect(leaseFiles()).to.have.length(2);
    expect(await sandbox.check(config, result)).to.include({ exitCode: 0, stdout: '' });
    await sandbox.del(config);
    await sandbox.del(config);
    expect(leaseFiles()).to.deep.equal([]);
    expect(sandbox.links()).to.deep.equal([]);
  });

  it('two NICs in one subnet each send by themselves what comes from their address', async () => {
    const config = await multusConfig(site, 'leased', { cniArgs: { nics: 3 } });
    using sandbox = await Sandbox.make(site, host, 'sources');
    const result = await sandbox.add(config);
    for (const [i, { address }] of result.ips.entries()) {
      const route = (to: string): string => sandbox.namespace.ip('route', 'get', to, 'from', address.split('/')[0]!);
      expect(route('198.51.100.200')).to.contain(`dev net1-${i}`);
      expect(route('192.0.2.200')).to.contain('via 198.51.100.1').and.contain(`dev net1-${i}`);
    }
    expect(await sandbox.check(config, result)).to.include({ exitCode: 0, stdout: '' });
    sandbox.namespace.ip('route', 'replace', '192.0.2.0/24', 'via', '198.51.100.2', 'dev', 'net1-0');
    expect(errorOf(await sandbox.check(config, result)).msg).to.equal(
      'the route to 192.0.2.0/24 by net1-0 is not via 198.51.100.1 any more',
    );
    sandbox.namespace.ip('route', 'replace', '192.0.2.0/24', 'via', '198.51.100.1', 'dev', 'net1-0');
    sandbox.namespace.ip('rule', 'del', 'from', result.ips[2]!.address.split('/')[0]!);
    expect(errorOf(await sandbox.check(config, result)).msg).to.contain('leaves by net1-2 is gone');
    await sandbox.del(config);
    expect(sandbox.namespace.ip('rule').trim().split('\n')).to.have.length(3);
  });

  it('multi-config has a section for each NIC, in its order, and static addresses instead where the pod asks', async () => {
    const config = await multusConfig(site, 'configured');
    using sandbox = await Sandbox.make(site, host, 'configured');
    const result = await sandbox.add(config);
    expect(result.ips.map(({ address }) => address)).to.deep.equal(['203.0.113.10/24', '198.18.0.10/24']);
    const way = (dst: string): string => sandbox.namespace.ip('route', 'show', dst);
    expect(way('192.0.2.0/24')).to.contain('via 198.18.0.1 dev net1-1');
    expect(way('198.51.102.0/24'), 'of the section').to.contain('via 198.18.0.2 dev net1-1');
    expect(way('198.51.103.0/24'), 'by the gateway of the section').to.contain('via 198.18.0.1 dev net1-1');
    await sandbox.del(config);
    const asking = { ...config, runtimeConfig: { ips: ['203.0.113.77/24', '198.18.0.77/24', '2001:DB8::07/64'] } };
    const given = await sandbox.add(asking);
    expect(given.ips.map(({ address }) => address)).to.deep.equal([
      '203.0.113.77/24',
      '2001:db8::7/64',
      '198.18.0.77/24',
    ]);
    expect(await sandbox.check(config, given)).to.include({ exitCode: 0, stdout: '' });
    await sandbox.del(asking);
  });

  it('an IPAM plugin whose answer no interface can be made with is named, and asked to take it back', async () => {
    const config = await multusConfig(site, 'modern', { cniArgs: { nics: 1 } });
    const unusable = [
      [{ cniVersion: '1.1.0' }, 'it gave no address'],
      [{ cniVersion: '0.2.0', ip4: { ip: '192.0.2.9/24' } }, 'it gave no address'],
      [{ ips: [{ address: '192.0.2.9' }] }, 'it gave the address "192.0.2.9", which is none with a prefix length'],
      [
        { ips: [{ address: '192.0.2.9/24' }], routes: [{ dst: 'default' }] },
        'it gave a route to "default", which is no network',
      ],
    ] as const;
    for (const [i, [answer, what]] of unusable.entries()) {
      const plugin = new ScriptedPlugin(host.ownPlugins, 'recorded-ipam', answer);
      using sandbox = await Sandbox.make(site, host, `unusable-${i}`);
      const { code, msg } = errorOf(await sandbox.call('ADD', config));
      expect([code, msg]).to.deep.equal([103, `plugin recorded-ipam, ADD: ${what}`]);
      expect(plugin.calls.at(-1)?.command).to.equal('DEL');
      expect(sandbox.links()).to.deep.equal([]);
      plugin.forget();
    }
  });

  it('an IPAM plugin that knows the capability ips gets what the pod asks for', async () => {
    const config = await multusConfig(site, 'asked', {
      cniArgs: { masters: ['eth3'] },
      runtimeConfig: { ips: ['192.0.2.7/24', '2001:db8::7/64'] },
    });
    using sandbox = await Sandbox.make(site, host, 'asked');
    const { ips } = await sandbox.add(config);
    expect(ips.map(({ address }) => address)).to.deep.equal(['192.0.2.7/24', '2001:db8::7/64']);
    await sandbox.del(config);
  });

  it('any other type is run as a plugin, with addresses of our own pools', async () => {
    const config = await multusConfig(site, 'bridged', { cniArgs: { nics: 2 } });
    // With an address of its own: else a bridge takes one of its ports', and the plugin's CHECK of the first port fails after the second.
    host.namespace.ip('link', 'add', 'br-test', 'address', '02:00:00:00:00:0b', 'type', 'bridge');
    using sandbox = await Sandbox.make(site, host, 'bridged');
    const result = await sandbox.add(config);
    expect(result.ips.map(({ address }) => address)).to.deep.equal(['10.230.0.1/19', '10.230.32.1/19']);
    const inPod = result.interfaces.filter(item => item.sandbox !== undefined);
    expect(inPod.map(({ name, mtu }) => [name, mtu])).to.deep.equal([
      ['net1-0', undefined],
      ['net1-1', undefined],
    ]);
    expect(result.interfaces.map(({ name }) => name)).to.include('br-test');
    expect(sandbox.namespace.ip('link', 'show', 'net1-0')).to.contain('mtu 1400');
    expect((await sandbox.check(config, result)).stdout).to.equal('');
    sandbox.namespace.ip('address', 'flush', 'dev', 'net1-1', 'scope', 'global');
    expect(errorOf(await sandbox.check(config, result)).code).to.equal(102);
    await sandbox.del(config);
    expect(sandbox.links()).to.deep.equal([]);
  });

  it('a default route that a plugin made is not left beside the one that the pod chose', async () => {
    const chosen = { name: 'leased', 'cni-args': { nics: 1 }, 'default-route': ['198.51.100.1'] };
    const text = JSON.stringify([{ name: 'way-out', 'cni-args': { nics: 1 } }, chosen]);
    using sandbox = await Sandbox.make(site, host, 'chosen', { [annotation.networks]: text });
    const config = chainedConfig('1.0.0', emptyResult);
    await sandbox.add(config, 'eth0');
    expect(sandbox.namespace.ip('route', 'show', 'default')).to.match(/^default via 198\.51\.100\.1 dev net2-0 .*\n$/);
    expect(sandbox.namespace.ip('route', 'show', '192.0.2.0/24')).to.contain('dev net1-0');
    expect(await sandbox.call('CHECK', config, { ifname: 'eth0' })).to.include({ exitCode: 0, stdout: '' });
    expect(await sandbox.call('DEL', config, { ifname: 'eth0' })).to.include({ exitCode: 0 });
  });

  it('what was made before a delegate failed is taken away again', async () => {
    const failing = new ScriptedPlugin(host.ownPlugins, 'failing', '{"cniVersion":"1.0.0","code":117,"msg":"no luck"}');
    const config = await multusConfig(site, 'broken', { cniArgs: { nics: 2 } });
    using sandbox = await Sandbox.make(site, host, 'broken');
    const { code, msg } = errorOf(await sandbox.call('ADD', config));
    expect([code, msg]).to.deep.equal([117, `plugin ${host.ownPlugins}/failing, ADD: no luck`]);
    expect(failing.calls.map(({ command, ifname }) => `${command} ${ifname}`)).to.deep.equal([
      'ADD net1-0',
      'DEL net1-0',
    ]);
    // Scripts forget to say so with their exit code: taken for a result, the pod would run without the interface.
    failing.answer({ cniVersion: '1.0.0', code: 118, msg: 'no luck, quietly' });
    expect(errorOf(await sandbox.call('ADD', config))).to.include({ code: 118 });
    failing.answer('out of words');
    expect(errorOf(await sandbox.call('ADD', config)).details).to.contain('MNN_DELEGATE_FAILED');
    expect(readdirSync(join(host.folder, 'state', 'attachments'))).to.deep.equal([]);
  });

  describe('a pod whose plugin refuses ADD and DEL alike can end:', () => {
    const entries = (): string[] => readdirSync(join(host.folder, 'state', 'attachments'));
    const dhcp = { type: 'dhcp', daemonSocketPath: '/run/no-such-daemon.sock' };
    for (const [i, [what, network, words]] of (
      [
        ['one that is not there', spec(ours, { type: 'absent' }, '10.234.0.0/16'), 'is not there'],
        ['an IPAM plugin that is not there', spec({ type: 'absent-ipam' }, {}), 'is not there'],
        ['one that does not know the version', spec({ type: 'static' }, { cniVersion: '1.1.0' }), 'incompatible'],
        ['one that cannot read it', spec(ours, { type: 'bridge', args: { mtu: '9k' } }, '10.235.0.0/16'), 'unmarshal'],
        ['one that misses its daemon', spec(dhcp, {}), 'no-such-daemon.sock'],
      ] as const
    ).entries()) {
      it(what, async () => {
        await site.addNetwork(`refused-${i}`, network);
        const config = await multusConfig(site, `refused-${i}`, { cniArgs: { nics: 1 } });
        using sandbox = await Sandbox.make(site, host, `refused-${i}`);
        expect(errorOf(await sandbox.call('ADD', config)).msg).to.contain(words);
        await sandbox.del(config);
        expect(entries()).to.deep.equal([]);
        expect(sandbox.links()).to.deep.equal([]);
      });
    }

    it('but not while it fails otherwise', async () => {
      const full = { cniVersion: '1.0.0', code: 11, msg: 'the disk is full' };
      const failing = new ScriptedPlugin(host.ownPlugins, 'failing', {});
      failing.answer('{"code":117,"msg":"no luck"}', { DEL: full });
      const config = await multusConfig(site, 'broken', { cniArgs: { nics: 1 } });
      using sandbox = await Sandbox.make(site, host, 'left');
      expect(errorOf(await sandbox.call('ADD', config)).code).to.equal(117);
      expect(errorOf(await sandbox.call('DEL', config)).msg).to.contain('the disk is full');
      failing.answer({});
      await sandbox.del(config);
      expect(entries()).to.deep.equal([]);
    });

    it('nor where it was ended each time, with what it had made', async () => {
      const script = join(host.ownPlugins, 'failing');
      writeFileSync(script, '#!/bin/sh\necho started >&2; kill -9 $$\n', { mode: 0o755 });
      const config = await multusConfig(site, 'broken', { cniArgs: { nics: 1 } });
      using sandbox = await Sandbox.make(site, host, 'ended');
      expect(errorOf(await sandbox.call('ADD', config)).msg).to.contain('was ended by SIGKILL');
      expect(errorOf(await sandbox.call('DEL', config)).msg).to.contain('was ended by SIGKILL');
      const mended = new ScriptedPlugin(host.ownPlugins, 'failing', {});
      await sandbox.del(config);
      expect(mended.calls.at(-1)?.command).to.equal('DEL');
      expect(entries()).to.deep.equal([]);
    });
  });

  it('a namespace that goes while it is being attached to is said to be none', async () => {
    const answer = JSON.stringify({ cniVersion: '1.1.0', ips: [{ address: '192.0.2.9/24' }] });
    const script = `#!/bin/sh\nip netns del "$(basename "$CNI_NETNS")"\necho '${answer}'\n`;
    writeFileSync(join(host.ownPlugins, 'recorded-ipam'), script, { mode: 0o755 });
    const config = await multusConfig(site, 'modern', { cniArgs: { nics: 1 } });
    using sandbox = await Sandbox.make(site, host, 'short-lived');
    const { code, details } = errorOf(await sandbox.call('ADD', config));
    expect([code, details.split(':')[0]]).to.deep.equal([8, 'MNN_CNI_NETNS']);
  });

  it('STATUS and GC of CNI 1.1 reach the plugins that the network is made with', async () => {
    const answer = { cniVersion: '1.1.0', ips: [{ address: '192.0.2.9/24' }] };
    const plugin = new ScriptedPlugin(host.ownPlugins, 'recorded-ipam', answer);
    const config = await multusConfig(site, 'modern', { cniArgs: { nics: 1 } });
    using sandbox = await Sandbox.make(site, host, 'modern');
    await sandbox.add(config);
    expect(await sandbox.call('STATUS', config)).to.include({ exitCode: 0, stdout: '' });
    const valid = [{ containerID: sandbox.containerId, ifname: 'net1' }];
    expect(await sandbox.call('GC', { ...config, 'cni.dev/valid-attachments': valid })).to.include({ exitCode: 0 });
    const [add, status, gc] = plugin.calls;
    expect([add?.command, status?.command, gc?.command]).to.deep.equal(['ADD', 'STATUS', 'GC']);
    expect(gc?.conf['cni.dev/valid-attachments']).to.deep.equal([
      { containerID: sandbox.containerId, ifname: 'net1-0' },
    ]);
    expect(sandbox.links()).to.deep.equal(['net1-0']);
    expect(await sandbox.call('GC', { ...config, 'cni.dev/valid-attachments': [] })).to.include({ exitCode: 0 });
    expect(sandbox.links()).to.deep.equal([]);
  });

  it('STATUS and GC name the IPAM plugin of our own addresses, as ADD does: vlan and dummy fail without one', async () => {
    const needy = new ScriptedPlugin(host.ownPlugins, 'needy', {});
    await site.addNetwork('needy', spec(ours, { type: 'needy', cniVersion: '1.1.0' }, '10.236.0.0/16'));
    const config = await multusConfig(site, 'needy');
    expect(await host.cni({ command: 'STATUS', containerId: '', config })).to.include({ exitCode: 0 });
    const none = { ...config, 'cni.dev/valid-attachments': [] };
    expect(await host.cni({ command: 'GC', containerId: '', ifname: '', config: none })).to.include({ exitCode: 0 });
    expect(needy.calls.map(({ command, conf }) => [command, conf.ipam])).to.deep.equal([
      ['STATUS', { type: 'static' }],
      ['GC', { type: 'static' }],
    ]);
  });

  describe('GC, where the plugin is told what else is in use', () => {
    const answer = { cniVersion: '1.1.0', ips: [{ address: '192.0.2.9/24' }] };

    /** What the plugin is told after GC with these attachments. */
    async function told(plugin: ScriptedPlugin, valid: readonly object[]): Promise<unknown> {
      const config = { ...(await multusConfig(site, 'modern')), 'cni.dev/valid-attachments': valid };
      expect(await host.cni({ command: 'GC', containerId: '', ifname: '', config })).to.include({ exitCode: 0 });
      return plugin.calls.at(-1)?.conf['cni.dev/valid-attachments'];
    }

    it('an attachment that was made without Multus', async () => {
      const plugin = new ScriptedPlugin(host.ownPlugins, 'recorded-ipam', answer);
      const networks = JSON.stringify([{ name: 'modern', 'cni-args': { nics: 1 } }]);
      using sandbox = await Sandbox.make(site, host, 'chained', { [annotation.networks]: networks });
      const config = chainedConfig('1.0.0', emptyResult);
      expect(await sandbox.call('ADD', config, { ifname: 'eth0' })).to.include({ exitCode: 0 });
      expect(await told(plugin, [])).to.deep.equal([{ containerID: sandbox.containerId, ifname: 'net1-0' }]);
      expect(sandbox.links()).to.deep.equal(['net1-0']);
      expect(await sandbox.call('DEL', config, { ifname: 'eth0' })).to.include({ exitCode: 0 });
    });

    it('an attachment of the runtime whose entry was lost, and not one that the runtime does not know', async () => {
      const plugin = new ScriptedPlugin(host.ownPlugins, 'recorded-ipam', answer);
      const config = await multusConfig(site, 'modern', { cniArgs: { nics: 2 } });
      using sandbox = await Sandbox.make(site, host, 'kept');
      using forgotten = await Sandbox.make(site, host, 'forgotten');
      for (const one of [sandbox, forgotten]) await one.add(config);
      await host.stopAgent('SIGKILL');
      const folder = join(host.folder, 'state', 'attachments');
      for (const file of readdirSync(folder)) rmSync(join(folder, file));
      await host.startAgent();
      const { containerId: containerID } = sandbox;
      const known = await told(plugin, [{ containerID, ifname: 'net1' }]);
      expect(known).to.deep.include.members([
        { containerID, ifname: 'net1-0' },
        { containerID, ifname: 'net1-1' },
      ]);
      expect(JSON.stringify(known)).not.to.contain(forgotten.containerId);
      for (const one of [sandbox, forgotten]) await one.del(config);
    });
  });

  describe('networks without addresses', () => {
    withoutAddresses(() => site);
  });

  describe('NICs that go into pods', () => {
    movedNics(() => site);
  });

  for (const step of [
    'add.delegate.noted:2',
    'add.delegate.called:1',
    'add.delegate.called:2',
    'add.noted',
    'add.pod',
    'del.pod',
    'del.ipam:1',
    'del.ipam:2',
    'del.forgotten',
  ]) {
    it(`an agent killed at ${step} leaves nothing that DEL does not find`, async () => {
      const config = await multusConfig(site, 'leased', { cniArgs: { nics: 2 } });
      using sandbox = await Sandbox.make(site, host, `killed-${step.replaceAll(/[.:]/g, '-')}`);
      if (step.startsWith('del')) await sandbox.add(config);
      await host.stopAgent('SIGKILL');
      await host.startAgent({ [dieAtVariable]: step });
      const ending = await sandbox.call(step.startsWith('del') ? 'DEL' : 'ADD', config);
      expect(ending.exitCode).not.to.equal(0);
      await host.startAgent();
      await sandbox.del(config);
      expect(leaseFiles()).to.deep.equal([]);
      expect(sandbox.links()).to.deep.equal([]);
    });
  }
});
