import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { annotation } from '../../core/api/names.ts';
import { chainedConfig, emptyResult } from './cniCalls.ts';
import { ours, spec } from './delegateSpec.ts';
import type { Host } from './host.ts';
import { multusConfig, Sandbox } from './sandbox.ts';
import { ScriptedPlugin } from './scriptedPlugin.ts';
import { Site } from './site.ts';

describe('agent: STATUS and GC of other plugins', function () {
  this.timeout(120_000);
  let site: Site;
  let host: Host;

  before(async () => {
    site = await Site.start({ hosts: 1, nics: 2 });
    host = site.hosts[0]!;
    await site.addNetwork('modern', spec({ type: 'recorded-ipam' }, { cniVersion: '1.1.0' }));
  });
  after(() => site[Symbol.asyncDispose]());

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
});
