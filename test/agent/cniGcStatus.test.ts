/**
 * The CNI specification, line by line, by the real executable and agent: its section 2 "GC" and "STATUS". What other tests show already:
 *  30         releases.test: "goes with GC where the runtime does not know it"
 *  33         delegateStatusGc.test: "STATUS and GC of CNI 1.1 reach the plugins…"
 */
import { expect } from 'chai';
import { eventually } from '../eventually.ts';
import { chainedConfig, cniFixture, primaryResult, ptpSpec, selecting } from './cniCalls.ts';
import { testTimeoutMs } from './inside.ts';
import { errorOf } from './sandbox.ts';
import { ScriptedPlugin } from './scriptedPlugin.ts';

describe('agent: GC and STATUS as the CNI specification has them', function () {
  this.timeout(testTimeoutMs);
  const test = cniFixture({
    // Two addresses of four can be given out.
    tiny: { ...ptpSpec(0, { hostBlock: 4, interfaceBlock: 2 }), subnet: '10.222.0.0/24' },
    asked: {
      ipam: '{"type":"asked-ipam"}',
      plugin: { cniVersion: '1.1.0', type: 'ptp' },
    },
    absent: { ipam: '{"type":"static"}', plugin: { cniVersion: '1.1.0', type: 'not-there' } },
    'absent-old': { ipam: '{"type":"not-there"}', plugin: { cniVersion: '0.3.1', type: 'ptp' } },
  });

  describe('GC', () => {
    const gc = (over: object): Promise<{ exitCode: number | null; stdout: string }> =>
      test.host.cni({ command: 'GC', containerId: '', ifname: '', config: { ...test.config, ...over } });

    it('30. has the list under either key, and null for none', async () => {
      using kept = await test.make('gc-kept');
      await kept.add(test.config);
      const valid = [{ containerID: kept.containerId, ifname: 'net1' }];
      for (const list of [
        { 'cni.dev/attachments': valid },
        { 'cni.dev/valid-attachments': valid, 'cni.dev/attachments': [] },
      ]) {
        expect(await gc(list)).to.include({ exitCode: 0, stdout: '' });
        expect(kept.links()).to.deep.equal(['net1-0', 'net1-1']);
      }
      expect(errorOf({ stderr: '', ...(await gc({})) }).code).to.equal(7);
      expect(kept.links()).to.have.length(2);
      expect(await gc({ 'cni.dev/valid-attachments': null, 'cni.dev/attachments': null })).to.include({ exitCode: 0 });
      expect(kept.links()).to.deep.equal([]);
    });

    it('30. chained, only what the list of that name made goes', async () => {
      using sandbox = await test.make('gc-chained', selecting({ name: 'plain', interface: 'more' }));
      await sandbox.add(test.config);
      await sandbox.add(chainedConfig('1.1.0', primaryResult('1.1.0', sandbox.namespace.path)), 'eth0');
      const none = { 'cni.dev/valid-attachments': [] };
      const call = { ...chainedConfig('1.1.0', undefined), ...none };
      expect(await test.host.cni({ command: 'GC', containerId: '', config: call })).to.include({
        exitCode: 0,
        stdout: '',
      });
      expect(sandbox.links()).to.deep.equal(['net1-0', 'net1-1']);
      await sandbox.del(test.config);
    });

    it('30. leaves alone what an ADD has made meanwhile that was under way, of which the runtime could not know', async () => {
      const answer = { cniVersion: '1.1.0', ips: [{ address: '192.0.2.9/24' }] };
      const plugin = new ScriptedPlugin(test.host.ownPlugins, 'asked-ipam', answer);
      const asked = await test.configOf('asked', { cniArgs: { nics: 1 } });
      using sandbox = await test.make('gc-meanwhile');
      plugin.forget();
      plugin.delay('ADD', answer);
      const adding = sandbox.add(asked);
      await eventually('the plugin is called', () => plugin.calls.some(({ command }) => command === 'ADD'));
      const call = { ...asked, 'cni.dev/valid-attachments': [] };
      expect(await test.host.cni({ command: 'GC', containerId: '', config: call })).to.include({ exitCode: 0 });
      const result = await adding;
      expect(plugin.calls.find(({ command }) => command === 'GC')?.conf).to.deep.include({
        'cni.dev/valid-attachments': [{ containerID: sandbox.containerId, ifname: 'net1-0' }],
      });
      plugin.answer(answer);
      expect(await sandbox.check(asked, result)).to.include({ exitCode: 0, stdout: '' });
      await sandbox.del(asked);
      expect(plugin.calls.at(-1)).to.include({ command: 'DEL', ifname: 'net1-0' });
      plugin.forget();
    });

    it('30. leaves alone what an ADD has made meanwhile that began after it: the plugin is told to keep its addresses', async () => {
      const answer = { cniVersion: '1.1.0', ips: [{ address: '192.0.2.9/24' }] };
      const plugin = new ScriptedPlugin(test.host.ownPlugins, 'asked-ipam', answer);
      const asked = await test.configOf('asked', { cniArgs: { nics: 1 } });
      using stale = await test.make('gc-stale');
      using next = await test.make('gc-next');
      await stale.add(asked);
      plugin.forget();
      plugin.delay('DEL', { ...answer, ips: [{ address: '192.0.2.10/24' }] });
      const call = { ...asked, 'cni.dev/valid-attachments': [] };
      const collecting = test.host.cni({ command: 'GC', containerId: '', config: call });
      await eventually('GC has begun', () => plugin.calls.some(({ command }) => command === 'DEL'));
      await next.add(asked);
      expect(await collecting).to.include({ exitCode: 0 });
      expect(plugin.calls.map(({ command }) => command)).to.deep.equal(['DEL', 'ADD', 'GC']);
      expect(plugin.calls.at(-1)?.conf).to.deep.include({
        'cni.dev/valid-attachments': [{ containerID: next.containerId, ifname: 'net1-0' }],
      });
      expect([stale.links(), next.links()]).to.deep.equal([[], ['net1-0']]);
      plugin.answer(answer);
      await next.del(asked);
      plugin.forget();
    });

    it('30. goes on after a failure and tells it; both keys reach the plugins', async () => {
      const answer = (address: string): object => ({ cniVersion: '1.1.0', ips: [{ address }] });
      const plugin = new ScriptedPlugin(test.host.ownPlugins, 'asked-ipam', answer('192.0.2.9/24'));
      const asked = await test.configOf('asked', { cniArgs: { nics: 1 } });
      using one = await test.make('gc-one');
      using two = await test.make('gc-two');
      await one.add(asked);
      plugin.answer(answer('192.0.2.10/24'));
      await two.add(asked);
      plugin.answer({}, { DEL: { code: 120, msg: 'not yet' }, GC: { code: 121, msg: 'not at all' } });
      const call = { ...asked, 'cni.dev/valid-attachments': [] };
      const { msg } = errorOf(await test.host.cni({ command: 'GC', containerId: '', config: call }));
      expect(msg.match(/not yet/g)).to.have.length(2);
      expect(msg).to.contain('not at all');
      expect([...one.links(), ...two.links()]).to.deep.equal([]);
      const forwarded = plugin.calls.find(({ command }) => command === 'GC')?.conf;
      expect(forwarded).to.deep.include({ 'cni.dev/valid-attachments': [], 'cni.dev/attachments': [] });
      plugin.answer({});
      expect(await test.host.cni({ command: 'GC', containerId: '', config: call })).to.include({
        exitCode: 0,
        stdout: '',
      });
    });
  });

  describe('STATUS', () => {
    it('32. is code 50 while the node has no address left in the network, whatever the others have', async () => {
      const tiny = { ...(await test.configOf('tiny')), cniVersion: '1.1.0' };
      const status = (of: object): Promise<{ exitCode: number | null; stdout: string; stderr: string }> =>
        test.host.cni({ command: 'STATUS', containerId: '', ifname: '', config: of });
      using one = await test.make('tiny-one');
      using two = await test.make('tiny-two');
      using three = await test.make('tiny-three');
      await one.add(tiny);
      expect(await status(tiny)).to.include({ exitCode: 0, stdout: '' });
      await two.add(tiny);
      expect(errorOf(await three.call('ADD', tiny)).code).to.equal(11);
      const { code, details } = errorOf(await status(tiny));
      expect([code, /^MNN_\w+/.exec(details)?.[0]]).to.deep.equal([50, 'MNN_POOL_FULL']);
      expect(await status(test.config)).to.include({ exitCode: 0, stdout: '' });
      expect(await status(chainedConfig('1.1.0', undefined))).to.include({ exitCode: 0, stdout: '' });
      await Promise.all([one.del(tiny), two.del(tiny)]);
    });

    it('33. is what a plugin answers, and code 50 of one that does not', async () => {
      const asked = await test.configOf('asked');
      const status = { command: 'STATUS', containerId: '', config: asked };
      const plugin = new ScriptedPlugin(test.host.ownPlugins, 'asked-ipam', {});
      plugin.answer({}, { STATUS: { code: 51, msg: 'half' } });
      expect(errorOf(await test.host.cni(status)).code).to.equal(51);
      plugin.hang('STATUS');
      const { code, msg } = errorOf(await test.host.cni(status));
      expect(code).to.equal(50);
      expect(msg).to.contain('asked-ipam');
    });

    it('33. is code 50 where the plugin is not there, whatever version it may speak', async () => {
      for (const network of ['absent-old', 'absent']) {
        const config = { ...(await test.configOf(network)), cniVersion: '1.1.0' };
        const error = errorOf(await test.host.cni({ command: 'STATUS', containerId: '', config }));
        expect([error.code, error.details.split(':')[0]]).to.deep.equal([50, 'MNN_DELEGATE_MISSING']);
      }
    });

    it('33. is answered when the plugin has ended, also where a program that it has left behind holds its output open', async () => {
      const asked = await test.configOf('asked');
      new ScriptedPlugin(test.host.ownPlugins, 'asked-ipam', {}).leaveBehind('STATUS');
      const ending = await test.host.cni({ command: 'STATUS', containerId: '', config: asked });
      expect(ending).to.include({ exitCode: 0, stdout: '' });
    });
  });
});
