/**
 * The CNI specification, line by line, by the real executable and agent: its section 2 "DEL" and "CHECK". What other tests show already:
 *  9          attach.test: "DEL succeeds when the namespace is gone, and takes the host's part away"
 *  25         releases.test: "can be taken away while the API server is away", shim.test: "says so to every verb with its code…"
 *  27         attach.test: "CHECK names what was changed"
 *  23         delegateCrashes.test: "an IPAM plugin, …: DEL without its namespace leaves nothing", decisions.test: "… released when the pod is gone"
 *  28         delegates.test: "an IPAM plugin gives each NIC its address…"
 */
import { readlinkSync, statSync } from 'node:fs';
import { expect } from 'chai';
import { eventually } from '../eventually.ts';
import {
  callings,
  callWith,
  chainedConfig,
  cniFixture,
  environment,
  fullRoute,
  primaryResult,
  ptpSpec,
  selecting,
} from './cniCalls.ts';
import { testTimeoutMs } from './inside.ts';
import { Program } from './programs.ts';
import { errorOf, resultOf, type Sandbox } from './sandbox.ts';
import { ScriptedPlugin } from './scriptedPlugin.ts';

describe('agent: DEL and CHECK as the CNI specification has them', function () {
  this.timeout(testTimeoutMs);
  const test = cniFixture({
    routed: ptpSpec(221, { routes: [fullRoute] }),
    asked: {
      ipam: '{"type":"asked-ipam"}',
      plugin: { cniVersion: '1.1.0', type: 'ptp' },
    },
  });

  describe('DEL', () => {
    for (const { cniVersion, how } of callings) {
      it(`22., 24. ${cniVersion}, ${how}: of what never was, with and without prevResult and namespace, succeeds`, async () => {
        using sandbox = await test.make(`never-${how}-${cniVersion}`);
        const base = how === 'chained' ? chainedConfig(cniVersion, undefined) : { ...test.config, cniVersion };
        for (const prevResult of [undefined, null, {}]) {
          for (const netns of [sandbox.namespace.path, '', '/run/netns/none']) {
            const ending = await sandbox.call('DEL', { ...base, prevResult }, { netns });
            expect(ending).to.deep.equal({ exitCode: 0, stdout: '', stderr: '' });
          }
        }
      });
    }

    it('22. of a pod and a network that nobody knows succeeds', async () => {
      using sandbox = await test.make('unknown-pod');
      const env = environment('DEL', sandbox, { CNI_ARGS: '' });
      expect(await callWith(test.host, env, { ...test.config, name: 'nowhere' })).to.deep.equal({
        exitCode: 0,
        stdout: '',
        stderr: '',
      });
    });

    it('22. leaves the links of another pod that has the namespace, or its path, by now', async () => {
      using sandbox = await test.make('namespace-taken-over');
      const result = await sandbox.add(test.config);
      const env = environment('DEL', sandbox, { CNI_CONTAINERID: 'an-earlier-one' });
      expect(await callWith(test.host, env, test.config)).to.include({ exitCode: 0, stdout: '' });
      expect(await sandbox.check(test.config, result)).to.include({ exitCode: 0, stdout: '' });
      await sandbox.del(test.config);
    });

    it('9. of a namespace that was named by a process, which has ended or is another one by now, leaves nothing', async () => {
      using sandbox = await test.make('named-by-process');
      using other = await test.make('next-process');
      await using program = new Program(sandbox.namespace.enter('sleep', '600'));
      const netns = `/proc/${program.pid}/ns/net`;
      const inode = statSync(sandbox.namespace.path).ino;
      await eventually('it has entered', () => readlinkSync(netns) === `net:[${inode}]`);
      resultOf(await sandbox.call('ADD', test.config, { netns }));
      expect(sandbox.links()).to.deep.equal(['net1-0', 'net1-1']);
      const over = { netns: other.namespace.path };
      await other.add(test.config);
      expect(await sandbox.call('DEL', test.config, over)).to.include({ exitCode: 0, stdout: '' });
      expect(other.links()).to.deep.equal(['net1-0', 'net1-1']);
      expect(sandbox.links()).to.deep.equal([]);
      resultOf(await sandbox.call('ADD', test.config, { netns }));
      await program.stop('SIGKILL');
      expect(await sandbox.call('DEL', test.config, { netns })).to.include({ exitCode: 0, stdout: '' });
      expect(await sandbox.call('DEL', test.config, over)).to.include({ exitCode: 0, stdout: '' });
      expect(other.links()).to.deep.equal(['net1-0', 'net1-1']);
      expect(sandbox.links()).to.deep.equal([]);
      await other.del(test.config);
    });

    it('6. is not refused for what only ADD uses, as that was never made', async () => {
      const infiniBand = '00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01'; // Multus takes it for a hardware address
      const config = { ...test.config, runtimeConfig: { mac: infiniBand } };
      using sandbox = await test.make('mac-of-infiniband');
      expect(errorOf(await sandbox.call('ADD', config))).to.include({ code: 7 });
      for (const more of [{}, { runtimeConfig: { ips: 'none' } }, { args: 'none' }, { prevResult: 'none' }]) {
        expect(await sandbox.call('DEL', { ...config, ...more })).to.include({ exitCode: 0, stdout: '' });
      }
    });

    it('6. nor for a version that no ADD is answered in, as of a definition that names none', async () => {
      using sandbox = await test.make('no-version');
      for (const cniVersion of [undefined, '', '0.1.0', '2.0.0', 1]) {
        const config = { ...test.config, cniVersion };
        expect(errorOf(await sandbox.call('ADD', config))).to.include({ code: 1 });
        expect(await sandbox.call('DEL', config)).to.include({ exitCode: 0, stdout: '' });
      }
      await sandbox.add(test.config);
      expect(await sandbox.call('DEL', { ...test.config, cniVersion: undefined })).to.include({
        exitCode: 0,
        stdout: '',
      });
      expect(sandbox.links()).to.deep.equal([]);
    });
  });

  describe('DEL of several networks', () => {
    it('goes on after a failure and tells it', async () => {
      const plugin = new ScriptedPlugin(test.host.ownPlugins, 'asked-ipam', {
        cniVersion: '1.1.0',
        ips: [{ address: '192.0.2.9/24' }],
      });
      const one = { 'cni-args': { nics: 1 } };
      const networks = ['plain', 'asked', 'plain'].map(name => ({ name, ...one }));
      using sandbox = await test.make('del-many', selecting(...networks));
      const call = chainedConfig('1.0.0', primaryResult('1.0.0', sandbox.namespace.path));
      await sandbox.add(call, 'eth0');
      expect(sandbox.links()).to.deep.equal(['net1-0', 'net2-0', 'net3-0']);
      plugin.answer({}, { DEL: { code: 120, msg: 'not yet' } });
      const over = { ifname: 'eth0' };
      expect(errorOf(await sandbox.call('DEL', call, over))).to.include({ code: 120 });
      expect(sandbox.links()).to.deep.equal([]);
      plugin.answer({});
      expect(await sandbox.call('DEL', call, over)).to.include({ exitCode: 0, stdout: '' });
      expect(plugin.calls.map(({ command }) => command)).to.deep.equal(['ADD', 'DEL', 'DEL']);
    });
  });

  describe('CHECK', () => {
    for (const how of ['alone', 'chained'] as const) {
      it(`26., 27. ${how}: needs prevResult, bears what others add, and tells what is gone`, async () => {
        using sandbox = await test.make(`check-${how}`, selecting({ name: 'plain', 'cni-args': { nics: 2 } }));
        const before = primaryResult('1.0.0', sandbox.namespace.path);
        const isChained = how === 'chained';
        const base = isChained ? chainedConfig('1.0.0', before) : { ...test.config, cniVersion: '1.0.0' };
        const over = { ifname: isChained ? 'eth0' : 'net1' };
        const prevResult = await sandbox.add(base, over.ifname);
        const check = (more: object): ReturnType<Sandbox['call']> => sandbox.call('CHECK', { ...base, ...more }, over);
        for (const nothing of [undefined, null]) {
          const error = errorOf(await check({ prevResult: nothing }));
          expect(error.code).to.equal(7);
          expect(error.msg).to.contain('prevResult');
        }
        const { namespace } = sandbox;
        namespace.ip('address', 'add', '198.18.0.1/24', 'dev', 'net1-0');
        namespace.ip('link', 'set', 'net1-1', 'mtu', '1400');
        namespace.ip('link', 'add', 'tuned', 'type', 'veth', 'peer', 'name', 'peer');
        namespace.ip('route', 'add', '203.0.113.0/24', 'dev', 'net1-1');
        expect(await check({ prevResult })).to.include({ exitCode: 0, stdout: '' });
        namespace.ip('link', 'set', 'net1-1', 'down');
        expect(errorOf(await check({ prevResult }))).to.include({ code: 102, msg: 'interface net1-1 is down' });
        namespace.ip('link', 'del', 'net1-0');
        expect(errorOf(await check({ prevResult })).msg).to.equal('interface net1-0 is gone');
        expect(await sandbox.call('DEL', base, over)).to.include({ exitCode: 0 });
      });
    }

    it('27. a route of the network that is gone is told', async () => {
      using sandbox = await test.make('check-route');
      const routed = await test.configOf('routed');
      const result = await sandbox.add(routed);
      sandbox.namespace.ip('route', 'flush', 'table', '1007');
      expect(errorOf(await sandbox.check(routed, result)).msg).to.contain('192.0.2.0/24');
      await sandbox.del(routed);
    });

    it('27. the way to the rest of a ptp network, by the host, is told when it is gone', async () => {
      using sandbox = await test.make('check-way');
      const result = await sandbox.add(test.config);
      const [way = ''] = sandbox.namespace.ip('route', 'show', 'dev', 'net1-1').split(' ');
      sandbox.namespace.ip('route', 'del', way);
      expect(errorOf(await sandbox.check(test.config, result)).msg).to.equal(`the route to ${way} by net1-1 is gone`);
      await sandbox.del(test.config);
    });

    it('26. of what was never attached is code 3, in another namespace code 8', async () => {
      using sandbox = await test.make('check-none');
      using other = await test.make('check-other');
      expect(errorOf(await sandbox.check(test.config, {})).code).to.equal(3);
      const result = await sandbox.add(test.config);
      const netns = other.namespace.path;
      const ending = await sandbox.call('CHECK', { ...test.config, prevResult: result }, { netns });
      expect(errorOf(ending).code).to.equal(8);
      await sandbox.del(test.config);
    });
  });
});
