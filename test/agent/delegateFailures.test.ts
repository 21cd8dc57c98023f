import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import { eventually } from '../eventually.ts';
import { chainedConfig, emptyResult, ptpSpec, selecting } from './cniCalls.ts';
import { ours, spec } from './delegateSpec.ts';
import type { Host } from './host.ts';
import { errorOf, linkNames, multusConfig, Sandbox } from './sandbox.ts';
import { ScriptedPlugin } from './scriptedPlugin.ts';
import { Site } from './site.ts';

describe('agent: other plugins that fail', function () {
  this.timeout(120_000);
  let site: Site;
  let host: Host;

  before(async () => {
    site = await Site.start({ hosts: 1, nics: 2 });
    host = site.hosts[0]!;
    await site.addNetwork('broken', spec(ours, { type: 'failing' }, '10.232.0.0/16'));
    await site.addNetwork('routed', ptpSpec(237));
    await site.addNetwork('modern', spec({ type: 'recorded-ipam' }, { cniVersion: '1.1.0' }));
  });
  after(() => site[Symbol.asyncDispose]());

  it('an IPAM plugin whose answer no interface can be made with is named, and asked to take it back', async () => {
    const config = await multusConfig(site, 'modern', { cniArgs: { nics: 1 } });
    const unusable = [
      [{ cniVersion: '1.1.0' }, 'it gave no address'],
      [{ cniVersion: '0.2.0', ip4: { ip: '192.0.2.9/24' } }, 'it gave no address'],
      [
        { ips: [{ address: '192.0.2.9' }] },
        'it gave the address "192.0.2.9", which is not an address with a prefix length',
      ],
      [
        { ips: [{ address: '192.0.2.9/24' }], routes: [{ dst: 'default' }] },
        'it gave a route to "default", which is not a network',
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

  it('whereabouts has no CHECK, and fails it: its addresses are checked on the interfaces alone', async () => {
    const refusing = new ScriptedPlugin(host.ownPlugins, 'whereabouts', {});
    refusing.answer(
      { cniVersion: '1.0.0', ips: [{ address: '192.0.2.9/24' }] },
      { CHECK: { cniVersion: '1.0.0', code: 999, msg: 'CNI CHECK method is not implemented' } },
    );
    await site.addNetwork('unchecked', spec({ type: 'whereabouts', range: '192.0.2.0/24' }, {}));
    const config = await multusConfig(site, 'unchecked', { cniArgs: { nics: 1 } });
    using sandbox = await Sandbox.make(site, host, 'unchecked');
    const result = await sandbox.add(config);
    expect(await sandbox.check(config, result)).to.include({ exitCode: 0, stdout: '' });
    sandbox.namespace.ip('address', 'flush', 'dev', 'net1-0', 'scope', 'global');
    expect(errorOf(await sandbox.check(config, result)).msg).to.contain('lacks the address 192.0.2.9/24');
    await sandbox.del(config);
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

  it('chained, the networks before it are taken away, and what failed is asked once to take it back: it may take its time', async () => {
    const failing = new ScriptedPlugin(host.ownPlugins, 'failing', {});
    failing.forget();
    failing.answer('{"code":117,"msg":"no luck"}', { DEL: { cniVersion: '1.0.0', code: 11, msg: 'not yet' } });
    const one = { 'cni-args': { nics: 1 } };
    const networks = [
      { name: 'routed', ...one },
      { name: 'broken', ...one },
      { name: 'routed', ...one },
    ];
    using sandbox = await Sandbox.make(site, host, 'half', selecting(...networks));
    const config = chainedConfig('1.0.0', emptyResult);
    const over = { ifname: 'eth0' };
    expect(errorOf(await sandbox.call('ADD', config, over)).code).to.equal(117);
    expect(failing.calls.map(({ command, ifname }) => `${command} ${ifname}`)).to.deep.equal([
      'ADD net2-0',
      'DEL net2-0',
    ]);
    expect(sandbox.links()).to.deep.equal([]);
    failing.answer({});
    expect(await sandbox.call('DEL', config, over)).to.include({ exitCode: 0 });
    failing.forget();
  });

  it('addresses of a pod whose namespace is gone are free, also while its plugin is not there; this is called when it is back', async () => {
    void new ScriptedPlugin(host.ownPlugins, 'failing', { cniVersion: '1.0.0' });
    const config = await multusConfig(site, 'broken', { cniArgs: { nics: 2 } });
    const sandbox = await Sandbox.make(site, host, 'outlived');
    await sandbox.add(config);
    rmSync(join(host.ownPlugins, 'failing'));
    await site.removePod('outlived');
    const state = async (): Promise<string | undefined> => (await site.recordOf('broken', 'outlived'))?.state;
    expect(errorOf(await sandbox.call('DEL', config)).msg).to.contain('is not there');
    await setTimeout(1000);
    expect(await state(), 'of interfaces that may be there').to.equal('Allocated');
    sandbox[Symbol.dispose]();
    expect(errorOf(await sandbox.call('DEL', config)).msg).to.contain('is not there');
    await eventually('the addresses are free', async () => (await state()) === 'Released');
    const back = new ScriptedPlugin(host.ownPlugins, 'failing', {});
    back.forget();
    await sandbox.del(config);
    expect(back.calls.map(({ command, ifname }) => `${command} ${ifname}`)).to.deep.equal(['DEL net1-1', 'DEL net1-0']);
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

  for (const type of ['macvlan', 'ptp']) {
    it(`${type}: a namespace that goes while it is being attached to is said to be none, and nothing is left`, async () => {
      const answer = JSON.stringify({ cniVersion: '1.1.0', ips: [{ address: '192.0.2.9/24' }] });
      const script = `#!/bin/sh\nip netns del "$(basename "$CNI_NETNS")" 2> /dev/null\necho '${answer}'\n`;
      writeFileSync(join(host.ownPlugins, 'recorded-ipam'), script, { mode: 0o755 });
      const name = `vanishing-${type}`;
      await site.addNetwork(name, spec({ type: 'recorded-ipam' }, { type, cniVersion: '1.1.0' }));
      const config = await multusConfig(site, name, { cniArgs: { nics: 1 } });
      const hostHas = (): string[] => [
        ...linkNames(host.namespace),
        host.namespace.ip('route', 'show', 'table', 'all', 'proto', '77'),
        ...readdirSync(join(host.folder, 'state', 'attachments')),
      ];
      const before = hostHas();
      using sandbox = await Sandbox.make(site, host, name);
      const { code, details } = errorOf(await sandbox.call('ADD', config));
      expect([code, details.split(':')[0]]).to.deep.equal([8, 'MNN_CNI_NETNS']);
      expect(hostHas()).to.deep.equal(before);
    });
  }
});
