/**
 * The CNI specification, line by line, by the real executable and agent. What other tests show already:
 *  1, 5       shim.test: "names the variable when CNI_COMMAND is missing or empty…", "names an unknown CNI_COMMAND", "says that standard input is …"
 *  7          decisions.test: "is refused with a reason and the CNI code for it"
 *  9          the same, and attach.test: "DEL succeeds when the namespace is gone, and takes the host's part away"
 *  19         attach.test: "an interface that somebody else made is refused and left alone", delegates.test: "what was made before a delegate
 *             failed is taken away again", decisions.test: "is all or nothing in a chained call"
 *  20         decisions.test: "honours nics and masters of cni-args, and the asked address"
 *  25         decisions.test: "can be taken away while the API server is away", shim.test: "says so to every verb with its code…"
 *  27         attach.test: "CHECK names what was changed"
 *  28, 33     delegates.test: "an IPAM plugin gives each NIC its address…", "STATUS and GC of CNI 1.1 reach the plugins…"
 *  30         decisions.test: "goes with GC where the runtime does not know it"
 *  34         shim.test: "answers VERSION given …, without an agent"
 *  35         attach.test: "serves many sandboxes at once, with distinct addresses"; one at a time for one container: serial.test
 */
import { expect } from 'chai';
import { annotation } from '../../core/api/names.ts';
import type { MultiNicNetworkSpec } from '../../core/api/types.ts';
import { supportedVersions } from '../../core/cni/versions.ts';
import { callings, callWith, chainedConfig, environment, podArgs, primaryResult } from './cniCalls.ts';
import type { Host } from './host.ts';
import { testTimeoutMs } from './inside.ts';
import { networkSpec } from './networks.ts';
import { errorOf, linkNames, multusConfig, resultOf, Sandbox, type PrintedResult } from './sandbox.ts';
import { ScriptedPlugin } from './scriptedPlugin.ts';
import { Site } from './site.ts';

const ptp = { type: 'ptp', vlanMode: 'l3' } as const;
const fullRoute = { dst: '192.0.2.0/24', mtu: 1400, advmss: 1300, priority: 7, table: 1007 };

function withIpam(octet: number, more: object): MultiNicNetworkSpec {
  const ipam = { type: 'multi-nic-ipam', hostBlock: 7, interfaceBlock: 3, vlanMode: 'l3', ...more };
  return { ...networkSpec(ptp, octet), ipam: JSON.stringify(ipam) };
}

describe('agent: every line of the CNI specification', function () {
  this.timeout(testTimeoutMs);
  let site: Site;
  let host: Host;
  let config: Record<string, unknown>;

  before(async function () {
    site = await Site.start({ hosts: 1, nics: 2 });
    host = site.hosts[0]!;
    await site.addNetwork('plain', networkSpec(ptp, 220));
    await site.addNetwork('routed', withIpam(221, { routes: [fullRoute] }));
    // Two addresses of four can be given out.
    await site.addNetwork('tiny', { ...withIpam(0, { hostBlock: 4, interfaceBlock: 2 }), subnet: '10.222.0.0/24' });
    const odd = { cniVersion: '1.0.0', type: 'ptp', args: { mtu: 'huge' } };
    await site.addNetwork('odd', { ...networkSpec(ptp, 223), plugin: odd });
    const asked = { ipam: '{"type":"asked-ipam"}', multiNICIPAM: false, subnet: '' };
    await site.addNetwork('asked', { ...networkSpec(ptp, 0), ...asked, plugin: { cniVersion: '1.1.0', type: 'ptp' } });
    await site.addNetwork('older', { ...networkSpec(ptp, 224), plugin: { cniVersion: '0.3.1', type: 'older' } });
    config = { ...(await multusConfig(site, 'plain', { cniArgs: { nics: 2 } })), cniVersion: '1.1.0' };
  });
  after(() => site?.[Symbol.asyncDispose]());

  const make = (name: string, annotations?: Record<string, string>): Promise<Sandbox> =>
    Sandbox.make(site, host, name, annotations);
  const selecting = (...networks: object[]): Record<string, string> => ({
    [annotation.networks]: JSON.stringify(networks),
  });

  describe('Env/stdin', () => {
    /** The answer's code, and the text that its message must contain. */
    async function refused(
      code: number,
      words: string,
      env: Record<string, string>,
      stdin: object | string,
    ): Promise<void> {
      const error = errorOf(await callWith(host, env, stdin));
      expect([env.CNI_COMMAND, error.code, error.msg], words).to.deep.equal([env.CNI_COMMAND, code, error.msg]);
      expect(`${error.msg} ${error.details}`).to.contain(words);
    }

    it('2. CONTAINERID that is empty or malformed is code 4', async () => {
      using sandbox = await make('container-id');
      for (const command of ['ADD', 'CHECK', 'DEL']) {
        for (const id of [undefined, '', '-a', '.a', 'a b', 'a/b', '../a']) {
          await refused(4, 'CNI_CONTAINERID', environment(command, sandbox, { CNI_CONTAINERID: id }), config);
        }
      }
    });

    it('3. ADD and CHECK need NETNS and IFNAME, DEL only IFNAME', async () => {
      using sandbox = await make('needs');
      for (const name of ['CNI_NETNS', 'CNI_IFNAME']) {
        for (const command of ['ADD', 'CHECK']) {
          await refused(4, name, environment(command, sandbox, { [name]: undefined }), config);
        }
      }
      await refused(4, 'CNI_IFNAME', environment('DEL', sandbox, { CNI_IFNAME: undefined }), config);
      const ending = await callWith(host, environment('DEL', sandbox, { CNI_NETNS: undefined }), config);
      expect(ending).to.deep.equal({ exitCode: 0, stdout: '', stderr: '' });
    });

    it('4. IFNAME that no interface can have is code 4, also where only the numbered names have no room', async () => {
      using sandbox = await make('names');
      for (const name of ['sixteen-letters-', '.', '..', 'a/b', 'a:b', 'a b', 'a\tb', 'éééééééé']) {
        await refused(4, 'CNI_IFNAME', environment('ADD', sandbox, { CNI_IFNAME: name }), config);
      }
      await refused(4, 'MNN_INTERFACE_NAME', environment('ADD', sandbox, { CNI_IFNAME: 'fourteen-bytes' }), config);
      const fitting = { CNI_IFNAME: 'thirteen-byte' };
      resultOf(await callWith(host, environment('ADD', sandbox, fitting), config));
      expect(sandbox.links()).to.deep.equal(['thirteen-byte-0', 'thirteen-byte-1']);
      await callWith(host, environment('DEL', sandbox, fitting), config);
      expect(sandbox.links()).to.deep.equal([]);
    });

    it('5. a configuration that is no JSON is code 6, for every verb but VERSION', async () => {
      using sandbox = await make('json');
      for (const command of ['ADD', 'CHECK', 'DEL', 'GC', 'STATUS']) {
        for (const stdin of ['', '{"cniVersion":', 'null x']) {
          await refused(6, 'not JSON', environment(command, sandbox), stdin);
        }
      }
    });

    it('6. a configuration that is wrong is code 7, an unsupported field code 2 with key and value', async () => {
      using sandbox = await make('wrong');
      for (const wrong of [
        { runtimeConfig: [] },
        { runtimeConfig: { ips: 'x' } },
        { args: { cni: 7 } },
        { prevResult: 'x' },
      ]) {
        await refused(7, Object.keys(wrong)[0]!, environment('ADD', sandbox), { ...config, ...wrong });
      }
      const { msg, code } = errorOf(await sandbox.call('ADD', await multusConfig(site, 'odd')));
      expect(code).to.equal(2);
      expect(msg).to.contain('mtu').and.contain('huge');
    });

    it('8. a configuration without name is code 7, for every verb but VERSION', async () => {
      using sandbox = await make('nameless');
      for (const command of ['ADD', 'CHECK', 'DEL', 'GC', 'STATUS']) {
        await refused(7, 'name', environment(command, sandbox), { ...config, name: undefined });
      }
      const version = await callWith(host, environment('VERSION', sandbox), { cniVersion: '1.0.0' });
      expect(version).to.include({ exitCode: 0 });
    });

    it('(CNI_ARGS) what no one knows is no mistake, with or without IgnoreUnknown; what is no pair is code 4', async () => {
      using sandbox = await make('arguments');
      const known = podArgs('arguments', sandbox.pod.metadata.uid!).replace('IgnoreUnknown=1;', '');
      const env = environment('ADD', sandbox, { CNI_ARGS: `${known};FOO=BAR` });
      resultOf(await callWith(host, env, config));
      await sandbox.del(config);
      await refused(4, 'CNI_ARGS', environment('ADD', sandbox, { CNI_ARGS: `${known};FOO` }), config);
    });
  });

  describe('Output', () => {
    it('10. success is one JSON document or nothing on stdout, exit code 0; 13. and nothing else anywhere', async () => {
      using sandbox = await make('output');
      const add = await sandbox.call('ADD', config);
      expect(add).to.include({ exitCode: 0, stderr: '' });
      expect(add.stdout).to.match(/^\{.*\}\n$/);
      const prevResult = JSON.parse(add.stdout) as object;
      for (const [command, more] of Object.entries({ CHECK: { prevResult }, STATUS: {}, DEL: { prevResult } })) {
        const ending = await sandbox.call(command, { ...config, ...more });
        expect(ending, command).to.deep.equal({ exitCode: 0, stdout: '', stderr: '' });
      }
    });

    for (const cniVersion of supportedVersions) {
      it(`11. an error has four keys, echoes ${cniVersion}, and ends with an exit code`, async () => {
        using sandbox = await make(`error-${cniVersion}`);
        const calls = { ADD: { name: 'nowhere' }, CHECK: {}, DEL: { name: '' }, GC: {}, STATUS: { name: '' } };
        for (const [command, over] of Object.entries(calls)) {
          const ending = await sandbox.call(command, { ...config, cniVersion, ...over });
          expect(ending, command).to.include({ exitCode: 1, stderr: '' });
          const error = errorOf(ending);
          expect(error).to.have.all.keys('cniVersion', 'code', 'msg', 'details');
          expect(error.cniVersion).to.equal(cniVersion);
        }
      });
    }

    it('11. an error echoes a version that is not spoken here, too', async () => {
      using sandbox = await make('error-version');
      for (const cniVersion of ['0.2.0', '2.0.0']) {
        expect(errorOf(await sandbox.call('ADD', { ...config, cniVersion }))).to.include({ cniVersion, code: 1 });
      }
    });
  });

  describe('ADD', () => {
    for (const { cniVersion, how } of callings) {
      it(`12., 15.–18., 21., 29. ${cniVersion}, ${how}: the result has the version's form; CHECK passes; DEL succeeds twice`, async () => {
        const name = `${how}-${cniVersion}`;
        const isChained = how === 'chained';
        using sandbox = await make(name, selecting({ name: 'routed', 'cni-args': { nics: 2 } }));
        const routed = await multusConfig(site, 'routed', { cniArgs: { nics: 2 } });
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
          .and.contain('advmss 1300');
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
        expect(host.namespace.ip('link', 'show', item.name)).to.contain(item.mac);
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
      const plugin = new ScriptedPlugin(host.ownPlugins, 'older', told);
      using sandbox = await make('older');
      const older = { ...(await multusConfig(site, 'older', { cniArgs: { nics: 1 } })), cniVersion: '1.1.0' };
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
      using sandbox = await make('twice', selecting({ name: 'plain', interface: 'more', 'cni-args': { nics: 1 } }));
      const chained = chainedConfig('1.1.0', primaryResult('1.1.0', sandbox.namespace.path));
      const result = await sandbox.add(config);
      await sandbox.add(chained, 'eth0');
      const shown = sandbox.namespace.ip('address');
      const first = errorOf(await sandbox.call('ADD', config));
      expect(first.msg).to.contain('net1-0 already');
      expect(first.details).to.contain('MNN_INTERFACE_EXISTS');
      expect(errorOf(await sandbox.call('ADD', chained, { ifname: 'eth0' })).details).to.contain(
        'MNN_INTERFACE_EXISTS',
      );
      expect(sandbox.namespace.ip('address')).to.equal(shown);
      expect(await sandbox.check(config, result)).to.include({ exitCode: 0 });
      // Whether a runtime has heard of an ADD before a crash is not known.
      await host.stopAgent('SIGKILL');
      await host.startAgent();
      expect((await sandbox.add(config)).ips).to.deep.equal(result.ips);
      await sandbox.del(config);
      expect(await sandbox.call('DEL', chained, { ifname: 'eth0' })).to.include({ exitCode: 0 });
      expect(sandbox.links()).to.deep.equal([]);
    });

    it('14. an interface of the very name that the call has is refused as well', async () => {
      using sandbox = await make('very-name');
      sandbox.namespace.ip('link', 'add', 'net1', 'type', 'veth', 'peer', 'name', 'other');
      expect(errorOf(await sandbox.call('ADD', config)).details).to.contain('MNN_INTERFACE_EXISTS');
      await sandbox.del(config);
      expect(sandbox.links()).to.have.members(['net1', 'other']);
    });

    it("15. a result of another version than the call's comes back in the call's form", async () => {
      using sandbox = await make('mixed', selecting({ name: 'plain' }));
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

    it('15. chained without prevResult is code 7', async () => {
      using sandbox = await make('no-result', selecting({ name: 'plain' }));
      expect(errorOf(await sandbox.call('ADD', chainedConfig('1.0.0', undefined), { ifname: 'eth0' })).code).to.equal(
        7,
      );
      expect(sandbox.links()).to.deep.equal([]);
    });
  });

  describe('DEL', () => {
    for (const { cniVersion, how } of callings) {
      it(`22., 24. ${cniVersion}, ${how}: of what never was, with and without prevResult and namespace, succeeds`, async () => {
        using sandbox = await make(`never-${how}-${cniVersion}`);
        const base = how === 'chained' ? chainedConfig(cniVersion, undefined) : { ...config, cniVersion };
        for (const prevResult of [undefined, null, {}]) {
          for (const netns of [sandbox.namespace.path, '', '/run/netns/none']) {
            const ending = await sandbox.call('DEL', { ...base, prevResult }, { netns });
            expect(ending).to.deep.equal({ exitCode: 0, stdout: '', stderr: '' });
          }
        }
      });
    }

    it('22. of a pod and a network that nobody knows succeeds', async () => {
      using sandbox = await make('unknown-pod');
      const env = environment('DEL', sandbox, { CNI_ARGS: '' });
      expect(await callWith(host, env, { ...config, name: 'nowhere' })).to.deep.equal({
        exitCode: 0,
        stdout: '',
        stderr: '',
      });
    });
  });

  describe('CHECK', () => {
    for (const how of ['alone', 'chained'] as const) {
      it(`26., 27. ${how}: needs prevResult, bears what others add, and tells what is gone`, async () => {
        using sandbox = await make(`check-${how}`, selecting({ name: 'plain', 'cni-args': { nics: 2 } }));
        const before = primaryResult('1.0.0', sandbox.namespace.path);
        const isChained = how === 'chained';
        const base = isChained ? chainedConfig('1.0.0', before) : { ...config, cniVersion: '1.0.0' };
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
      using sandbox = await make('check-route');
      const routed = await multusConfig(site, 'routed');
      const result = await sandbox.add(routed);
      sandbox.namespace.ip('route', 'flush', 'table', '1007');
      expect(errorOf(await sandbox.check(routed, result)).msg).to.contain('192.0.2.0/24');
      await sandbox.del(routed);
    });

    it('26. of what was never attached is code 3, in another namespace code 8', async () => {
      using sandbox = await make('check-none');
      using other = await make('check-other');
      expect(errorOf(await sandbox.check(config, {})).code).to.equal(3);
      const result = await sandbox.add(config);
      const netns = other.namespace.path;
      const ending = await sandbox.call('CHECK', { ...config, prevResult: result }, { netns });
      expect(errorOf(ending).code).to.equal(8);
      await sandbox.del(config);
    });
  });

  describe('GC', () => {
    const gc = (over: object): Promise<{ exitCode: number | null; stdout: string }> =>
      host.cni({ command: 'GC', containerId: '', ifname: '', config: { ...config, ...over } });

    it('30. has the list under either key, and null for none', async () => {
      using kept = await make('gc-kept');
      await kept.add(config);
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
      using sandbox = await make('gc-chained', selecting({ name: 'plain', interface: 'more' }));
      await sandbox.add(config);
      await sandbox.add(chainedConfig('1.1.0', primaryResult('1.1.0', sandbox.namespace.path)), 'eth0');
      const none = { 'cni.dev/valid-attachments': [] };
      const call = { ...chainedConfig('1.1.0', undefined), ...none };
      expect(await host.cni({ command: 'GC', containerId: '', config: call })).to.include({ exitCode: 0, stdout: '' });
      expect(sandbox.links()).to.deep.equal(['net1-0', 'net1-1']);
      await sandbox.del(config);
    });

    it('30. goes on after a failure and tells it; both keys reach the plugins', async () => {
      const plugin = new ScriptedPlugin(host.ownPlugins, 'asked-ipam', {
        cniVersion: '1.1.0',
        ips: [{ address: '192.0.2.9/24' }],
      });
      const asked = await multusConfig(site, 'asked', { cniArgs: { nics: 1 } });
      using one = await make('gc-one');
      using two = await make('gc-two');
      await one.add(asked);
      await two.add(asked);
      plugin.answer({}, { DEL: { code: 120, msg: 'not yet' }, GC: { code: 121, msg: 'not at all' } });
      const call = { ...asked, 'cni.dev/valid-attachments': [] };
      const { msg } = errorOf(await host.cni({ command: 'GC', containerId: '', config: call }));
      expect(msg.match(/not yet/g)).to.have.length(2);
      expect(msg).to.contain('not at all');
      expect([...one.links(), ...two.links()]).to.deep.equal([]);
      const forwarded = plugin.calls.find(({ command }) => command === 'GC')?.conf;
      expect(forwarded).to.deep.include({ 'cni.dev/valid-attachments': [], 'cni.dev/attachments': [] });
      plugin.answer({});
      expect(await host.cni({ command: 'GC', containerId: '', config: call })).to.include({ exitCode: 0, stdout: '' });
    });
  });

  describe('STATUS', () => {
    it('32. is code 50 while the node has no address left in the network, whatever the others have', async () => {
      const tiny = { ...(await multusConfig(site, 'tiny')), cniVersion: '1.1.0' };
      const status = (of: object): Promise<{ exitCode: number | null; stdout: string; stderr: string }> =>
        host.cni({ command: 'STATUS', containerId: '', ifname: '', config: of });
      using one = await make('tiny-one');
      using two = await make('tiny-two');
      using three = await make('tiny-three');
      await one.add(tiny);
      expect(await status(tiny)).to.include({ exitCode: 0, stdout: '' });
      await two.add(tiny);
      expect(errorOf(await three.call('ADD', tiny)).code).to.equal(11);
      const { code, details } = errorOf(await status(tiny));
      expect([code, /^MNN_\w+/.exec(details)?.[0]]).to.deep.equal([50, 'MNN_POOL_FULL']);
      expect(await status(config)).to.include({ exitCode: 0, stdout: '' });
      expect(await status(chainedConfig('1.1.0', undefined))).to.include({ exitCode: 0, stdout: '' });
      await Promise.all([one.del(tiny), two.del(tiny)]);
    });

    it('33. is what a plugin answers, and code 50 of one that does not', async () => {
      const asked = await multusConfig(site, 'asked');
      const status = { command: 'STATUS', containerId: '', config: asked };
      const plugin = new ScriptedPlugin(host.ownPlugins, 'asked-ipam', {});
      plugin.answer({}, { STATUS: { code: 51, msg: 'half' } });
      expect(errorOf(await host.cni(status)).code).to.equal(51);
      plugin.hang('STATUS');
      const { code, msg } = errorOf(await host.cni(status));
      expect(code).to.equal(50);
      expect(msg).to.contain('asked-ipam');
    });
  });

  describe('Concurrency', () => {
    it('35. calls for different containers and interfaces at once each get their own', async () => {
      const hostLinks = linkNames(host.namespace);
      const sandboxes = await Promise.all(supportedVersions.map(version => make(`at-once-${version}`)));
      const calls = sandboxes.flatMap((sandbox, i) =>
        ['net1', 'net2'].map(ifname => ({ sandbox, ifname, config: { ...config, cniVersion: supportedVersions[i] } })),
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
      expect(linkNames(host.namespace)).to.deep.equal(hostLinks);
    });
  });
});
