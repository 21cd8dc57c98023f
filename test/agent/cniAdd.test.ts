/**
 * The CNI specification, line by line, by the real executable and agent: its section 2 "ADD", and calls at once. What other tests show already:
 *  19         attach.test: "an interface that something else made is refused and left alone", delegateFailures.test: "what was made before a
 *             delegate failed is taken away again", withoutMultus.test: "is all or nothing in a chained call"
 *  20         decisions.test: "honours nics and masters of cni-args, and the asked address"
 *  35         attach.test: "serves many sandboxes at once, with distinct addresses"; one at a time for one container: serial.test
 */
import { expect } from 'chai';
import { supportedVersions } from '../../core/cni/versions.ts';
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
import { errorOf, linkNames, type PrintedResult, resultOf, Sandbox } from './sandbox.ts';
import { ScriptedPlugin } from './scriptedPlugin.ts';

describe('agent: ADD as the CNI specification has it', function () {
  this.timeout(testTimeoutMs);
  const test = cniFixture({
    routed: ptpSpec(221, { routes: [fullRoute] }),
    older: { ...ptpSpec(224), plugin: { cniVersion: '0.3.1', type: 'older' } },
  });

  describe('ADD', () => {
    for (const { cniVersion, how } of callings) {
      it(`12., 15.–18., 21., 29. ${cniVersion}, ${how}: the result has the version's form; CHECK passes; DEL succeeds twice`, async () => {
        const name = `${how}-${cniVersion}`;
        const isChained = how === 'chained';
        using sandbox = await test.make(name, selecting({ name: 'routed', 'cni-args': { nics: 2 } }));
        const routed = await test.configOf('routed', { cniArgs: { nics: 2 } });
        const before = primaryResult(cniVersion, sandbox.namespace.path);
        const call = isChained ? chainedConfig(cniVersion, before) : { ...routed, cniVersion };
        const over = { ifname: isChained ? 'eth0' : 'net1' };
        const result = await sandbox.add(call, over.ifname);
        expect(sandbox.links()).to.deep.equal(['net1-0', 'net1-1']);
        if (isChained) expect(result).to.deep.equal(before);
        else expectForm(result, cniVersion, sandbox);
        const route = sandbox.namespace.ip('route', 'show', 'table', '1007');
        expect(route)
          .to.contain('192.0.2.0/24')
          .and.contain('metric 7')
          .and.contain('mtu 1400')
          .and.contain('advmss 1300')
          .and.contain('scope site');
        const again = { ...call, prevResult: result };
        expect(await sandbox.call('CHECK', again, over)).to.deep.equal({ exitCode: 0, stdout: '', stderr: '' });
        for (let i = 0; i < 2; i++) {
          expect(await sandbox.call('DEL', again, over)).to.deep.equal({ exitCode: 0, stdout: '', stderr: '' });
          expect(sandbox.links()).to.deep.equal([]);
        }
      });
    }

    /** Two ptp NICs, their host ends, and the network's route. */
    function expectForm(result: PrintedResult, cniVersion: string, { namespace }: Sandbox): void {
      const isNew = cniVersion === '1.1.0';
      expect(result).to.have.all.keys('cniVersion', 'interfaces', 'ips', 'routes', 'dns');
      expect(result.cniVersion).to.equal(cniVersion);
      const links = JSON.parse(namespace.ip('-j', 'address')) as { ifname: string; address: string; mtu: number }[];
      const inPod = result.interfaces.filter(({ sandbox }) => sandbox !== undefined);
      const told = links.filter(({ ifname }) => ifname !== 'lo');
      expect(inPod).to.deep.equal(
        told.map(({ ifname, address, mtu }) => ({
          ...{ name: ifname, mac: address, sandbox: namespace.path },
          ...(isNew && { mtu }),
        })),
      );
      const onHost = result.interfaces.filter(({ sandbox }) => sandbox === undefined);
      expect(onHost).to.have.length(2);
      for (const item of onHost) {
        expect(item).to.have.all.keys('name', 'mac');
        expect(test.host.namespace.ip('link', 'show', item.name)).to.contain(item.mac);
      }
      for (const [i, ip] of result.ips.entries()) {
        expect(ip).to.deep.include({ interface: i, gateway: '169.254.1.1' });
        expect(ip.version).to.equal(cniVersion.startsWith('0.') ? '4' : undefined);
        expect(namespace.ip('address', 'show', `net1-${i}`)).to.contain(` ${ip.address} `);
      }
      expect(result.routes).to.deep.equal([isNew ? fullRoute : { dst: fullRoute.dst }]);
    }

    it('12. a plugin that is called in turn may speak an older version than the caller', async () => {
      const told = {
        cniVersion: '0.3.1',
        interfaces: [
          { name: 'on-host', mac: '02:00:00:00:00:01' },
          { name: 'x', mac: '02:00:00:00:00:02', sandbox: '/x' },
        ],
        ips: [{ version: '4', address: '10.224.0.9/19', gateway: '10.224.0.1', interface: 1 }],
        routes: [{ dst: '198.51.100.0/24', gw: '10.224.0.1' }],
      };
      const plugin = new ScriptedPlugin(test.host.ownPlugins, 'older', told);
      using sandbox = await test.make('older');
      const older = { ...(await test.configOf('older', { cniArgs: { nics: 1 } })), cniVersion: '1.1.0' };
      const result = await sandbox.add(older);
      expect(result.cniVersion).to.equal('1.1.0');
      expect(result.ips).to.deep.equal([{ address: '10.224.0.9/19', gateway: '10.224.0.1', interface: 0 }]);
      expect(result.interfaces).to.deep.equal([
        { name: 'net1-0', mac: '02:00:00:00:00:02', sandbox: sandbox.namespace.path },
        { name: 'on-host', mac: '02:00:00:00:00:01' },
      ]);
      await sandbox.del(older);
      expect(plugin.calls.map(({ command, conf }) => [command, conf.cniVersion])).to.deep.equal([
        ['ADD', '0.3.1'],
        ['DEL', '0.3.1'],
      ]);
      plugin.answer('{"cniVersion":"0.3.1","code":1,"msg":"not mine"}');
      expect(errorOf(await sandbox.call('ADD', older))).to.include({ cniVersion: '1.1.0', code: 1 });
    });

    it('14. ADD again without DEL is refused, alone and chained, and leaves what the first one made', async () => {
      using sandbox = await test.make(
        'twice',
        selecting({ name: 'plain', interface: 'more', 'cni-args': { nics: 1 } }),
      );
      const chained = chainedConfig('1.1.0', primaryResult('1.1.0', sandbox.namespace.path));
      const result = await sandbox.add(test.config);
      await sandbox.add(chained, 'eth0');
      const shown = sandbox.namespace.ip('address');
      const first = errorOf(await sandbox.call('ADD', test.config));
      expect(first.msg).to.contain('net1-0 already');
      expect(first.details).to.contain('MNN_INTERFACE_EXISTS');
      expect(errorOf(await sandbox.call('ADD', chained, { ifname: 'eth0' })).details).to.contain(
        'MNN_INTERFACE_EXISTS',
      );
      expect(sandbox.namespace.ip('address')).to.equal(shown);
      expect(await sandbox.check(test.config, result)).to.include({ exitCode: 0 });
      // Whether a runtime has heard of an ADD before a crash is not known.
      await test.host.stopAgent('SIGKILL');
      await test.host.startAgent();
      expect((await sandbox.add(test.config)).ips).to.deep.equal(result.ips);
      await sandbox.del(test.config);
      expect(await sandbox.call('DEL', chained, { ifname: 'eth0' })).to.include({ exitCode: 0 });
      expect(sandbox.links()).to.deep.equal([]);
    });

    it('14. an interface of the very name that the call has is refused as well', async () => {
      using sandbox = await test.make('very-name');
      sandbox.namespace.ip('link', 'add', 'net1', 'type', 'veth', 'peer', 'name', 'other');
      expect(errorOf(await sandbox.call('ADD', test.config)).details).to.contain('MNN_INTERFACE_EXISTS');
      await sandbox.del(test.config);
      expect(sandbox.links()).to.have.members(['net1', 'other']);
    });

    it('15. alone behind another plugin, ours follows what that made', async () => {
      using sandbox = await test.make('behind');
      const before = primaryResult('1.1.0', sandbox.namespace.path) as unknown as PrintedResult;
      const { interfaces, ips } = await sandbox.add({ ...test.config, prevResult: before });
      expect(interfaces.map(({ name }) => name).slice(0, 4)).to.deep.equal(['veth1', 'eth0', 'net1-0', 'net1-1']);
      expect(ips.map(ip => ip.interface)).to.deep.equal([1, 2, 3]);
      await sandbox.del(test.config);
    });

    it("15. a result of another version than the call's comes back in the call's form", async () => {
      using sandbox = await test.make('mixed', selecting({ name: 'plain' }));
      for (const [from, to] of [
        ['0.3.1', '1.0.0'],
        ['1.1.0', '0.4.0'],
      ] as const) {
        const before = primaryResult(from, sandbox.namespace.path) as { routes: object[] };
        const newer = { ...before, routes: [{ ...before.routes[0], mtu: 1400 }], 'x.example/kept': [1] };
        const result = await sandbox.add(chainedConfig(to, from === '1.1.0' ? newer : before), 'eth0');
        const kept = from === '1.1.0' ? { 'x.example/kept': [1] } : {};
        expect(result).to.deep.equal({ ...primaryResult(to, sandbox.namespace.path), ...kept });
        expect(await sandbox.call('DEL', chainedConfig(to, undefined), { ifname: 'eth0' })).to.include({ exitCode: 0 });
      }
    });

    it('chained, a hardware address in the selection that is none is refused, and nothing is made', async () => {
      for (const [name, mac, words] of [
        ['mac-number', 5, 'element 2: mac must be a string, not 5'],
        ['mac-short', 'c2:11', 'element 2: mac must be a hardware address of six bytes'],
      ] as const) {
        using sandbox = await test.make(name, selecting({ name: 'plain' }, { name: 'plain', mac }));
        const call = chainedConfig('1.0.0', primaryResult('1.0.0', sandbox.namespace.path));
        const { code, msg, details } = errorOf(await sandbox.call('ADD', call, { ifname: 'eth0' }));
        expect(code).to.equal(100);
        expect(msg).to.contain(words);
        expect(details).to.contain('MNN_NETWORKS_ANNOTATION_INVALID');
        expect(sandbox.links()).to.deep.equal([]);
      }
    });

    it('a static pod is known by the UID that the kubelet gave it, which its mirror has not', async () => {
      const uid = 'd34db33f';
      using mirror = await test.make('static-host-1', {
        ...selecting({ name: 'plain', 'cni-args': { nics: 1 } }),
        'kubernetes.io/config.mirror': uid,
      });
      const { pod } = mirror;
      using sandbox = new Sandbox(test.host, { ...pod, metadata: { ...pod.metadata, uid } });
      const chained = chainedConfig('1.0.0', primaryResult('1.0.0', sandbox.namespace.path));
      await sandbox.add(chained, 'eth0');
      expect(sandbox.links()).to.deep.equal(['net1-0']);
      expect(await sandbox.call('DEL', chained, { ifname: 'eth0' })).to.include({ exitCode: 0 });
      await sandbox.add(test.config);
      await sandbox.del(test.config);
      expect(sandbox.links()).to.deep.equal([]);
    });

    it('15. chained, a container that is no pod has what the plugins before made', async () => {
      using sandbox = await test.make('by-hand', selecting({ name: 'plain' }));
      const before = primaryResult('1.0.0', sandbox.namespace.path);
      const call = (command: string, args: string): ReturnType<typeof callWith> => {
        const env = environment(command, sandbox, { CNI_ARGS: args, CNI_IFNAME: 'eth0' });
        return callWith(test.host, env, chainedConfig('1.0.0', before));
      };
      expect(resultOf(await call('ADD', 'IgnoreUnknown=1'))).to.deep.equal(before);
      expect(resultOf(await call('ADD', 'IgnoreUnknown=1;K8S_POD_NAME=hand')), 'as podman').to.deep.equal(before);
      for (const command of ['CHECK', 'DEL']) expect(await call(command, '')).to.include({ exitCode: 0, stdout: '' });
      expect(errorOf(await call('ADD', 'K8S_POD_NAMESPACE=default')).code).to.equal(4);
      expect(sandbox.links()).to.deep.equal([]);
    });

    it('15. chained without prevResult is code 7', async () => {
      using sandbox = await test.make('no-result', selecting({ name: 'plain' }));
      expect(errorOf(await sandbox.call('ADD', chainedConfig('1.0.0', undefined), { ifname: 'eth0' })).code).to.equal(
        7,
      );
      expect(sandbox.links()).to.deep.equal([]);
    });
  });

  describe('Concurrency', () => {
    it('35. calls for different containers and interfaces at once each get their own', async () => {
      const hostLinks = linkNames(test.host.namespace);
      const sandboxes = await Promise.all(supportedVersions.map(version => test.make(`at-once-${version}`)));
      const calls = sandboxes.flatMap((sandbox, i) =>
        ['net1', 'net2'].map(ifname => ({
          sandbox,
          ifname,
          config: { ...test.config, cniVersion: supportedVersions[i] },
        })),
      );
      const results = await Promise.all(calls.map(call => call.sandbox.add(call.config, call.ifname)));
      expect(results.map(({ cniVersion }) => cniVersion)).to.deep.equal(calls.map(call => call.config.cniVersion));
      const addresses = results.flatMap(({ ips }) => ips.map(({ address }) => address));
      expect(new Set(addresses)).to.have.property('size', 4 * sandboxes.length);
      for (const sandbox of sandboxes) {
        expect(sandbox.links()).to.have.members(['net1-0', 'net1-1', 'net2-0', 'net2-1']);
      }
      // DEL of one interface while another of the same container is asked for.
      await Promise.all(calls.map(({ sandbox, ifname, config: own }) => sandbox.call('DEL', own, { ifname })));
      for (const sandbox of sandboxes) {
        expect(sandbox.links()).to.deep.equal([]);
        sandbox[Symbol.dispose]();
      }
      expect(linkNames(test.host.namespace)).to.deep.equal(hostLinks);
    });
  });
});
