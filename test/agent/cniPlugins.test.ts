/**
 * Cases of the reference plugins' own tests (containernetworking/plugins), as far as they apply here. What other tests show already:
 *  ipvlan, macvlan   ADD, CHECK, DEL with the NIC in the host's namespace: attach.test "… NICs are made, reach the other host, pass CHECK and
 *                    go with DEL"; modes: nicConflicts.test; DEL of what was not configured: cniDelCheck.test; chaining: cniAdd.test
 *  host-device       IPAM and DEL twice: movedNics "host-device: the NIC goes into the pod …"
 *  static            capability ips: delegates.test "an IPAM plugin that knows the capability ips gets what the pod asks for"
 *  dhcp              with its daemon and a server: dhcp.test; here is what it finds when it is called
 *  sbr               several NICs in a subnet: delegates.test "two NICs in one subnet …"; several gateways of one destination:
 *                    decisions.test "is of both families, with the routes of spec.ipam.routes as one multipath route"
 */
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { MultiNicNetworkSpec } from '../../core/api/types.ts';
import { supportedVersions } from '../../core/cni/versions.ts';
import { callWith, chainedConfig, cniFixture, environment, podArgs, primaryResult, selecting } from './cniCalls.ts';
import { testTimeoutMs } from './inside.ts';
import { errorOf, linkNames, type PrintedResult, resultOf, type Sandbox } from './sandbox.ts';
import { ScriptedPlugin } from './scriptedPlugin.ts';

const fixed = (ipam: object, plugin: Partial<MultiNicNetworkSpec['plugin']> = {}): MultiNicNetworkSpec => ({
  ipam: JSON.stringify(ipam),
  plugin: { cniVersion: '1.0.0', type: 'ptp', ...plugin },
});
/** Of ptp the host has a route to each address, so that pods may not name any. */
const onLink = { type: 'macvlan', args: { mode: 'bridge' } };
const addresses = [{ address: '192.0.2.1/24', gateway: '192.0.2.254' }];

describe('agent: cases of the reference plugins', function () {
  this.timeout(testTimeoutMs);
  const test = cniFixture({
    fixed: fixed({ type: 'static', addresses }, { ...onLink, capabilities: { ips: true } }),
    invalid: fixed({ type: 'static', addresses: [{ address: '192.0.2.1' }] }, onLink),
    moved: fixed({ type: 'host-device-ipam' }, { type: 'host-device' }),
    noted: fixed({ type: 'noted-ipam' }),
    leased: fixed({ type: 'dhcp' }, { type: 'macvlan', args: { mode: 'bridge' } }),
  });

  /** CNI_ARGS with more pairs; MAC and IP are conventions of libcni's users (CONVENTIONS.md, "CNI_ARGS"). */
  const withArgs = (sandbox: Sandbox, more: string, ifname = 'net1'): Record<string, string> => ({
    ...environment('ADD', sandbox),
    CNI_ARGS: `${podArgs(sandbox.pod.metadata.name, sandbox.pod.metadata.uid ?? '')};${more}`,
    CNI_IFNAME: ifname,
    CNI_PATH: test.host.plugins,
  });
  const addressesOf = (result: PrintedResult): string[] => result.ips.map(({ address }) => address);

  it('the hardware address of CNI_ARGS, of runtimeConfig before it, and none that is none', async () => {
    using sandbox = await test.make('mac');
    for (const cniVersion of supportedVersions) {
      const config = { ...(await test.configOf('plain', { cniArgs: { nics: 1 } })), cniVersion };
      const asked = withArgs(sandbox, 'MAC=C2:11:22:33:44:55');
      expect(resultOf(await callWith(test.host, asked, config)).interfaces[0]?.mac).to.equal('c2:11:22:33:44:55');
      expect(sandbox.namespace.ip('link', 'show', 'net1-0')).to.contain('c2:11:22:33:44:55');
      await sandbox.del(config);
      const both = { ...config, runtimeConfig: { mac: 'c2:11:22:33:44:66' } };
      expect(resultOf(await callWith(test.host, asked, both)).interfaces[0]?.mac).to.equal('c2:11:22:33:44:66');
      await sandbox.del(config);
      const wrong = errorOf(await callWith(test.host, withArgs(sandbox, 'MAC=c2:11'), config));
      expect(wrong).to.include({ cniVersion, code: 4 });
      expect(wrong.msg).to.contain('MAC=c2:11');
      const unusable = { ...config, runtimeConfig: { mac: 'c2:11' } };
      expect(errorOf(await sandbox.call('ADD', unusable))).to.include({ cniVersion, code: 7 });
    }
    expect(sandbox.links()).to.deep.equal([]);
  });

  it('chained, what CNI_ARGS ask for is the primary interface’s', async () => {
    const plugin = new ScriptedPlugin(test.host.ownPlugins, 'noted-ipam', {
      cniVersion: '1.0.0',
      ips: [{ address: '192.0.2.7/24' }],
    });
    using sandbox = await test.make('mac-chained', selecting({ name: 'noted', 'cni-args': { nics: 1 } }));
    const config = chainedConfig('1.0.0', primaryResult('1.0.0', sandbox.namespace.path));
    const env = withArgs(sandbox, 'MAC=c2:11:22:33:44:55;IP=192.0.2.99;GATEWAY=192.0.2.1;OTHER=1', 'eth0');
    expect((await callWith(test.host, env, config)).exitCode).to.equal(0);
    expect(sandbox.namespace.ip('link', 'show', 'net1-0')).not.to.contain('c2:11:22:33:44:55');
    expect(plugin.calls[0]?.args)
      .to.contain('OTHER=1')
      .and.not.match(/\b(IP|GATEWAY|MAC)=/);
    expect(await sandbox.call('DEL', config, { ifname: 'eth0' })).to.include({ exitCode: 0 });
  });

  it('static: the addresses of the network, with those of CNI_ARGS, and of runtimeConfig in place of both', async () => {
    using sandbox = await test.make('static');
    const config = await test.configOf('fixed', { cniArgs: { nics: 1 } });
    const result = resultOf(await callWith(test.host, withArgs(sandbox, 'A=1'), config));
    expect(addressesOf(result)).to.deep.equal(['192.0.2.1/24']);
    await sandbox.del(config);
    const env = withArgs(sandbox, 'IP=192.0.2.50/24;GATEWAY=192.0.2.253');
    expect(addressesOf(resultOf(await callWith(test.host, env, config)))).to.deep.equal([
      '192.0.2.1/24',
      '192.0.2.50/24',
    ]);
    await sandbox.del(config);
    const asked = { ...config, runtimeConfig: { ips: ['192.0.2.60/24'] } };
    expect(addressesOf(resultOf(await callWith(test.host, env, asked)))).to.deep.equal(['192.0.2.60/24']);
    await sandbox.del(config);
  });

  it('static: an address that is none is refused by every way that it may come, and nothing is left', async () => {
    using sandbox = await test.make('invalid');
    const hostLinks = linkNames(test.host.namespace);
    const fixed = await test.configOf('fixed', { cniArgs: { nics: 1 } });
    const ways: [string, Record<string, string>, object][] = [
      ['the network', withArgs(sandbox, 'A=1'), await test.configOf('invalid', { cniArgs: { nics: 1 } })],
      ['CNI_ARGS', withArgs(sandbox, 'IP=192.0.2.300/24'), fixed],
      ['runtimeConfig', withArgs(sandbox, 'A=1'), { ...fixed, runtimeConfig: { ips: ['192.0.2.300/24'] } }],
      ['cni-args', withArgs(sandbox, 'A=1'), { ...fixed, args: { cni: { nics: 1, ips: ['192.0.2.300/24'] } } }],
    ];
    for (const [way, env, config] of ways) {
      const { code, msg } = errorOf(await callWith(test.host, env, config));
      expect(code, way).to.be.greaterThan(0);
      expect(msg, way).to.match(/192\.0\.2\.(300|1)/);
      expect(sandbox.links()).to.deep.equal([]);
      expect(linkNames(test.host.namespace)).to.deep.equal(hostLinks);
    }
    const own = {
      ...(await test.configOf('plain', { cniArgs: { nics: 1 } })),
      runtimeConfig: { ips: ['10.225.0.300'] },
    };
    expect(errorOf(await sandbox.call('ADD', own)).code).to.equal(100);
  });

  it('dhcp: the interface is there before the plugin that asks by it', async () => {
    const { ownPlugins, plugins } = test.host;
    symlinkSync(join(plugins, 'macvlan'), join(ownPlugins, 'macvlan'));
    const answer = '{"cniVersion":"1.0.0","ips":[{"address":"192.0.2.77/24","gateway":"192.0.2.1"}]}';
    const script = `case $CNI_COMMAND in ADD|CHECK) ip netns exec "$(basename $CNI_NETNS)" ip link show dev $CNI_IFNAME >&2;; esac`;
    writeFileSync(join(ownPlugins, 'dhcp'), `#!/bin/sh -e\n${script}\necho '${answer}'\n`, { mode: 0o755 });
    using sandbox = await test.make('dhcp');
    const config = await test.configOf('leased', { cniArgs: { nics: 2 } });
    const env = { ...withArgs(sandbox, 'A=1'), CNI_PATH: '' };
    const result = resultOf(await callWith(test.host, env, config));
    expect(result.interfaces.map(({ name }) => name)).to.deep.equal(['net1-0', 'net1-1']);
    expect(addressesOf(result)).to.deep.equal(['192.0.2.77/24', '192.0.2.77/24']);
    expect(await sandbox.check(config, result)).to.include({ exitCode: 0, stdout: '' });
    await sandbox.del(config);
    expect(sandbox.links()).to.deep.equal([]);
  });

  it('host-device: a name that the pod has already keeps the NIC on the host', async () => {
    using sandbox = await test.make('exists');
    const config = await test.configOf('moved', { cniArgs: { masters: ['eth2'] } });
    sandbox.namespace.ip('link', 'add', 'net1-0', 'type', 'veth', 'peer', 'name', 'other');
    const before = test.host.namespace.ip('-o', 'address', 'show', 'dev', 'eth2');
    expect(errorOf(await sandbox.call('ADD', config)).details).to.contain('MNN_INTERFACE_EXISTS');
    await sandbox.del(config);
    expect(test.host.namespace.ip('-o', 'address', 'show', 'dev', 'eth2')).to.equal(before);
    expect(sandbox.links()).to.have.members(['net1-0', 'other']);
  });
});
