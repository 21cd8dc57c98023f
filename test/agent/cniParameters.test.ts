/**
 * The CNI specification, line by line, by the real executable and agent: its sections 2 "Parameters", 1 and 5 "Error". What other tests show already:
 *  1, 5       shim.test: "names the variable when CNI_COMMAND is missing or empty…", "names an unknown CNI_COMMAND", "says that standard input is …"
 *  7          decisions.test: "is refused with a reason and the CNI code for it"
 *  9          the same
 *  34         shim.test: "answers VERSION given …, without an agent"
 */
import { expect } from 'chai';
import { supportedVersions } from '../../core/cni/versions.ts';
import { callWith, cniFixture, environment, podArgs, ptpSpec } from './cniCalls.ts';
import { testTimeoutMs } from './inside.ts';
import { errorOf, resultOf } from './sandbox.ts';

describe('agent: what CNI calls are refused, and how they answer', function () {
  this.timeout(testTimeoutMs);
  const test = cniFixture({
    odd: { ...ptpSpec(223), plugin: { cniVersion: '1.0.0', type: 'ptp', args: { mtu: 'huge' } } },
  });

  describe('Env/stdin', () => {
    /** The answer's code, and the text that its message must contain. */
    async function refused(
      code: number,
      words: string,
      env: Record<string, string>,
      stdin: object | string,
    ): Promise<void> {
      const error = errorOf(await callWith(test.host, env, stdin));
      expect([env.CNI_COMMAND, error.code, error.msg], words).to.deep.equal([env.CNI_COMMAND, code, error.msg]);
      expect(`${error.msg} ${error.details}`).to.contain(words);
    }

    it('2. CONTAINERID that is empty or malformed is code 4', async () => {
      using sandbox = await test.make('container-id');
      for (const command of ['ADD', 'CHECK', 'DEL']) {
        for (const id of [undefined, '', '-a', '.a', 'a b', 'a/b', '../a']) {
          await refused(4, 'CNI_CONTAINERID', environment(command, sandbox, { CNI_CONTAINERID: id }), test.config);
        }
      }
    });

    it('3. ADD and CHECK need NETNS and IFNAME, DEL only IFNAME', async () => {
      using sandbox = await test.make('needs');
      for (const name of ['CNI_NETNS', 'CNI_IFNAME']) {
        for (const command of ['ADD', 'CHECK']) {
          await refused(4, name, environment(command, sandbox, { [name]: undefined }), test.config);
        }
      }
      await refused(4, 'CNI_IFNAME', environment('DEL', sandbox, { CNI_IFNAME: undefined }), test.config);
      const ending = await callWith(test.host, environment('DEL', sandbox, { CNI_NETNS: undefined }), test.config);
      expect(ending).to.deep.equal({ exitCode: 0, stdout: '', stderr: '' });
    });

    it('4. IFNAME that no interface can have is code 4, also where only the numbered names have no room', async () => {
      using sandbox = await test.make('names');
      for (const name of ['sixteen-letters-', '.', '..', 'a/b', 'a:b', 'a b', 'a\tb', 'a%d', 'éééééééé']) {
        await refused(4, 'CNI_IFNAME', environment('ADD', sandbox, { CNI_IFNAME: name }), test.config);
        // Or the pod, whose author wrote the name, could not end.
        const ending = await callWith(test.host, environment('DEL', sandbox, { CNI_IFNAME: name }), test.config);
        expect(ending, name).to.deep.equal({ exitCode: 0, stdout: '', stderr: '' });
      }
      const fitting = { CNI_IFNAME: 'thirteen-byte' };
      resultOf(await callWith(test.host, environment('ADD', sandbox, fitting), test.config));
      expect(sandbox.links()).to.deep.equal(['thirteen-byte-0', 'thirteen-byte-1']);
      await callWith(test.host, environment('DEL', sandbox, fitting), test.config);
      expect(sandbox.links()).to.deep.equal([]);
    });

    it('4. a name that leaves no room for a number, as those of KubeVirt, is that of one NIC', async () => {
      using sandbox = await test.make('one-name');
      const virtual = { CNI_IFNAME: 'pod37a8eec1ce1' };
      const unasked = { ...test.config, args: {} }; // KubeVirt writes no cni-args
      const calls = (command: string, config: object = unasked): ReturnType<typeof callWith> =>
        callWith(test.host, environment(command, sandbox, virtual), config);
      const result = resultOf(await calls('ADD'));
      expect(result.interfaces.filter(({ sandbox: inPod }) => inPod).map(({ name }) => name)).to.deep.equal([
        'pod37a8eec1ce1',
      ]);
      expect(sandbox.links()).to.deep.equal(['pod37a8eec1ce1']);
      expect(await calls('CHECK', { ...unasked, prevResult: result })).to.include({ exitCode: 0, stdout: '' });
      for (const args of [{ nics: 2 }, { masters: ['eth1', 'eth2'] }]) {
        const several = { CNI_IFNAME: 'pod37a8eec1ce2' };
        const config = { ...test.config, args: { cni: args } };
        await refused(4, 'MNN_INTERFACE_NAME', environment('ADD', sandbox, several), config);
      }
      await calls('DEL');
      expect(sandbox.links()).to.deep.equal([]);
    });

    it('5. a configuration that is no JSON is code 6, for every verb but VERSION', async () => {
      using sandbox = await test.make('json');
      for (const command of ['ADD', 'CHECK', 'DEL', 'GC', 'STATUS']) {
        for (const stdin of ['', '{"cniVersion":', 'null x']) {
          await refused(6, 'not JSON', environment(command, sandbox), stdin);
        }
      }
    });

    it('6. a configuration that is wrong is code 7, an unsupported field code 2 with key and value', async () => {
      using sandbox = await test.make('wrong');
      for (const wrong of [
        { runtimeConfig: [] },
        { runtimeConfig: { ips: 'x' } },
        { args: { cni: 7 } },
        { prevResult: 'x' },
      ]) {
        await refused(7, Object.keys(wrong)[0]!, environment('ADD', sandbox), { ...test.config, ...wrong });
      }
      const { msg, code } = errorOf(await sandbox.call('ADD', await test.configOf('odd')));
      expect(code).to.equal(2);
      expect(msg).to.contain('mtu').and.contain('huge');
    });

    it('8. a configuration without name is code 7, for every verb but VERSION', async () => {
      using sandbox = await test.make('nameless');
      for (const command of ['ADD', 'CHECK', 'DEL', 'GC', 'STATUS']) {
        await refused(7, 'name', environment(command, sandbox), { ...test.config, name: undefined });
      }
      const version = await callWith(test.host, environment('VERSION', sandbox), { cniVersion: '1.0.0' });
      expect(version).to.include({ exitCode: 0 });
    });

    it('(CNI_ARGS) what no one knows is no mistake, with or without IgnoreUnknown; what is no pair is code 4', async () => {
      using sandbox = await test.make('arguments');
      const known = podArgs('arguments', sandbox.pod.metadata.uid!).replace('IgnoreUnknown=1;', '');
      const env = environment('ADD', sandbox, { CNI_ARGS: `${known};FOO=BAR` });
      resultOf(await callWith(test.host, env, test.config));
      await sandbox.del(test.config);
      const odd = { CNI_ARGS: `${known};FOO` };
      await refused(4, 'CNI_ARGS', environment('ADD', sandbox, odd), test.config);
      resultOf(await sandbox.call('ADD', test.config));
      // Or a runtime that gives such could not end the sandbox.
      expect(await callWith(test.host, environment('DEL', sandbox, odd), test.config)).to.include({ exitCode: 0 });
      expect(sandbox.links()).to.deep.equal([]);
    });
  });

  describe('Output', () => {
    it('10. success is one JSON document or nothing on stdout, exit code 0; 13. and nothing else anywhere', async () => {
      using sandbox = await test.make('output');
      const add = await sandbox.call('ADD', test.config);
      expect(add).to.include({ exitCode: 0, stderr: '' });
      expect(add.stdout).to.match(/^\{.*\}\n$/);
      const prevResult = JSON.parse(add.stdout) as object;
      for (const [command, more] of Object.entries({ CHECK: { prevResult }, STATUS: {}, DEL: { prevResult } })) {
        const ending = await sandbox.call(command, { ...test.config, ...more });
        expect(ending, command).to.deep.equal({ exitCode: 0, stdout: '', stderr: '' });
      }
    });

    it('11. an error has four keys, echoes each version, and ends with an exit code', async () => {
      const calls = { ADD: { name: 'nowhere' }, CHECK: {}, DEL: { name: '' }, GC: {}, STATUS: { name: '' } };
      const fails = async (cniVersion: string): Promise<void> => {
        using sandbox = await test.make(`error-${cniVersion}`);
        for (const [command, over] of Object.entries(calls)) {
          const ending = await sandbox.call(command, { ...test.config, cniVersion, ...over });
          expect(ending, command).to.include({ exitCode: 1, stderr: '' });
          const error = errorOf(ending);
          expect(error).to.have.all.keys('cniVersion', 'code', 'msg', 'details');
          expect(error.cniVersion).to.equal(cniVersion);
        }
      };
      // At once: the agent waits for a network that it does not know.
      await Promise.all(supportedVersions.map(fails));
    });

    it('11. an error echoes a version that is not spoken here, too', async () => {
      using sandbox = await test.make('error-version');
      for (const cniVersion of ['0.2.0', '2.0.0']) {
        expect(errorOf(await sandbox.call('ADD', { ...test.config, cniVersion }))).to.include({ cniVersion, code: 1 });
      }
    });
  });
});
