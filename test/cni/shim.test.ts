import { copyFile, link, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { buildCni } from '../../build/buildCni.ts';
import { decodeRequest, encodeAnswer, maxConfigBytes, uninstalledMark } from '../../core/cni/wire.ts';
import { call, type Ending, type ProgramCall } from './program.ts';
import { listen, type Serving, type SocketPeer } from './socketPeer.ts';

const config = JSON.stringify({ cniVersion: '1.0.0', name: 'fast', type: 'multi-nic', note: 'ünï 😀 \u2028' });

interface CniError {
  cniVersion: string;
  code: number;
  msg: string;
  details: string;
}

/** The CNI error that a call printed, after checking that it is one, and alone. */
function errorOf(ending: Ending): CniError {
  expect(ending.exitCode).to.equal(1);
  const error = JSON.parse(ending.stdout) as CniError;
  expect(error).to.have.all.keys('cniVersion', 'code', 'msg', 'details');
  expect(error.msg).to.be.a('string').and.not.equal('');
  return error;
}

describe('the CNI executable', () => {
  let program = '';
  let folder = '';
  let socketPath = '';
  let peer: SocketPeer | undefined;

  before(async function () {
    this.timeout(600_000); // the first time it builds QuickJS
    program = await buildCni();
  });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'multi-nic-shim-'));
    socketPath = join(folder, 'cni.sock');
  });

  afterEach(async () => {
    await peer?.[Symbol.asyncDispose]();
    peer = undefined;
    await rm(folder, { recursive: true, force: true });
  });

  /** Listens where the agent would, until the test ends. */
  async function agent(...[serve, accept]: Serving): Promise<void> {
    peer = await listen(socketPath, serve, accept);
  }

  /** Calls the program with the given CNI variables and the test's socket. */
  function cni(env: Record<string, string>, rest: Omit<ProgramCall, 'command' | 'env'> = {}): Promise<Ending> {
    return call({ command: [program], stdin: config, ...rest, env: { MULTI_NIC_SOCKET: socketPath, ...env } });
  }

  describe('while the agent answers', () => {
    it('hands over every CNI variable and the configuration as they are, and nothing else', async () => {
      const env = {
        CNI_COMMAND: 'ADD',
        CNI_CONTAINERID: 'b1946ac9',
        CNI_NETNS: '/var/run/netns/ns with space',
        CNI_IFNAME: 'net1',
        CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAME=p;Ü=\\"',
        CNI_PATH: '/opt/cni/bin:/usr/libexec/cni',
        CNI_NETNS_OVERRIDE: '',
      };
      const inputs: string[] = [];
      await agent((input, socket) => {
        inputs.push(input);
        socket.end(encodeAnswer(0, ''));
      });
      await cni({ ...env, SECRET: 'kept here' });
      expect(inputs.map(decodeRequest)).to.deep.equal([{ version: 1, env, stdin: config }]);
    });

    it('leaves out variables that are not set', async () => {
      const inputs: string[] = [];
      await agent((input, socket) => {
        inputs.push(input);
        socket.end(encodeAnswer(0, ''));
      });
      await cni({ CNI_COMMAND: 'GC' }, { stdin: '' });
      expect(inputs.map(decodeRequest)).to.deep.equal([{ version: 1, env: { CNI_COMMAND: 'GC' }, stdin: '' }]);
    });

    for (const command of ['ADD', 'CHECK', 'DEL', 'GC', 'STATUS']) {
      for (const exitCode of [0, 1, 255]) {
        it(`prints the answer to ${command} as it is and exits with ${exitCode}`, async () => {
          const stdout = `{ "any": "thing", "ünï": "😀",\t"nul": "\u0000" }\n\n`;
          await agent((_, socket) => socket.end(encodeAnswer(exitCode, stdout)));
          expect(await cni({ CNI_COMMAND: command })).to.deep.equal({ exitCode, stdout, stderr: '' });
        });
      }
    }

    it('carries megabytes both ways', async () => {
      const large = JSON.stringify({ cniVersion: '1.1.0', text: 'ä"\\€😀\n'.repeat(150_000) });
      expect(Buffer.byteLength(large)).to.be.within(1_500_000, maxConfigBytes);
      await agent((input, socket) => {
        socket.end(encodeAnswer(0, decodeRequest(input).stdin));
      });
      const ending = await cni({ CNI_COMMAND: 'ADD' }, { stdin: large });
      expect(ending.exitCode).to.equal(0);
      expect(ending.stdout === large).to.equal(true);
    });

    it('waits for an agent that takes its time and sends its answer in pieces', async () => {
      const answer = Buffer.from(encodeAnswer(0, '{"ünï":"😀"}'));
      await agent((_, socket) => {
        const pieces = [...answer].map(byte => Buffer.of(byte));
        const timer = setInterval(() => {
          const piece = pieces.shift();
          if (piece) socket.write(piece);
          else socket.end();
        }, 20);
        socket.on('close', () => clearInterval(timer));
      });
      expect(await cni({ CNI_COMMAND: 'ADD' })).to.deep.equal({ exitCode: 0, stdout: '{"ünï":"😀"}', stderr: '' });
    });

    it('answers 50 calls at once, each with its own answer', async () => {
      await agent((input, socket) => {
        socket.end(encodeAnswer(0, decodeRequest(input).env.CNI_CONTAINERID ?? ''));
      });
      const ids = Array.from({ length: 50 }, (_, index) => `container-${index}`);
      const endings = await Promise.all(ids.map(id => cni({ CNI_COMMAND: 'ADD', CNI_CONTAINERID: id })));
      expect(endings.map(ending => ending.stdout)).to.deep.equal(ids);
    });

    for (const [command, why] of [
      ['ADD', 'which the pod waits for'],
      ['STATUS', 'or an upgrade would make the node unready'],
    ] as const) {
      it(`reaches an agent that starts within seconds, by ${command}: ${why}`, async () => {
        const calling = cni({ CNI_COMMAND: command });
        await new Promise(resolve => setTimeout(resolve, 1000));
        await agent((_, socket) => socket.end(encodeAnswer(0, 'late but here')));
        expect(await calling).to.have.property('stdout', 'late but here');
      });
    }

    it('runs in an empty root', async () => {
      await copyFile(program, join(folder, 'multi-nic'));
      await agent((_, socket) => socket.end(encodeAnswer(0, 'from outside')));
      const ending = await call({
        command: ['unshare', '--user', '--map-root-user', 'chroot', folder, '/multi-nic'],
        env: { PATH: process.env.PATH ?? '', CNI_COMMAND: 'ADD', MULTI_NIC_SOCKET: '/cni.sock' },
        stdin: config,
      });
      expect(ending).to.deep.equal({ exitCode: 0, stdout: 'from outside', stderr: '' });
      expect(peer?.connections).to.equal(1);
    });
  });

  describe('while the agent is away', () => {
    it('says so to every verb with its code, the socket and what to do', async () => {
      const codes = { ADD: 11, CHECK: 11, DEL: 11, GC: 11, STATUS: 50 };
      await Promise.all(
        Object.entries(codes).map(async ([command, code]) => {
          const error = errorOf(await cni({ CNI_COMMAND: command }));
          expect(error, command).to.include({ cniVersion: '1.0.0', code });
          expect(error.msg).to.contain(socketPath).and.to.contain('No such file');
          expect(error.details).to.contain('MNN_AGENT_AWAY').and.to.contain('agent of this node');
        }),
      );
    });

    it('lets pods end, and nothing else, once the system is uninstalled', async () => {
      await writeFile(uninstalledMark(socketPath), '');
      expect(await cni({ CNI_COMMAND: 'DEL' })).to.deep.equal({ exitCode: 0, stdout: '', stderr: '' });
      expect(errorOf(await cni({ CNI_COMMAND: 'CHECK' })).code).to.equal(11);
    });

    it('says that nobody listens behind a socket that was left behind', async () => {
      const listening = await listen(join(folder, 'other.sock'), () => undefined);
      await link(join(folder, 'other.sock'), socketPath); // closing removes only the name that was listened on
      await listening[Symbol.asyncDispose]();
      expect(errorOf(await cni({ CNI_COMMAND: 'STATUS' })).msg).to.contain('Connection refused');
    });

    it('does not try again where trying again cannot help', async () => {
      await mkdir(join(folder, 'deep'));
      await writeFile(join(folder, 'deep', 'file'), '');
      const error = errorOf(
        await cni({ CNI_COMMAND: 'ADD', MULTI_NIC_SOCKET: join(folder, 'deep', 'file', 'cni.sock') }),
      );
      expect(error).to.include({ code: 11 });
      expect(error.msg).to.contain('Not a directory');
      const tooLong = errorOf(await cni({ CNI_COMMAND: 'ADD', MULTI_NIC_SOCKET: `/${'x'.repeat(200)}` }));
      expect(tooLong.msg).to.contain('File name too long');
    });

    it('answers in the newest version where the configuration names none', async () => {
      const texts = ['', 'not JSON', '[]', '{}'];
      const endings = await Promise.all(texts.map(stdin => cni({ CNI_COMMAND: 'STATUS' }, { stdin })));
      for (const ending of endings) expect(errorOf(ending)).to.include({ cniVersion: '1.1.0', code: 50 });
    });
  });

  describe('when the agent fails half-way', () => {
    const whole = encodeAnswer(0, '{"cniVersion":"1.0.0"}');

    for (const [what, part, word] of [
      ['without a word', '', 'MNN_AGENT_AWAY'],
      ['in the middle of its answer', whole.slice(0, 20), 'MNN_WIRE_INVALID'],
      ['at the last byte of its answer', whole.slice(0, -1), 'MNN_WIRE_INVALID'],
    ] as const) {
      it(`asks to try again when it closes ${what}`, async () => {
        await agent((_, socket) => socket.end(part));
        const error = errorOf(await cni({ CNI_COMMAND: 'ADD' }));
        expect(error).to.include({ cniVersion: '1.0.0', code: 11 });
        expect(error.details).to.contain(word);
      });
    }

    it('asks to try again when it dies while it reads', async () => {
      const large = JSON.stringify({ cniVersion: '1.0.0', text: 'x'.repeat(2_000_000) });
      await agent(
        () => undefined,
        socket => socket.destroy(),
      );
      expect(errorOf(await cni({ CNI_COMMAND: 'DEL' }, { stdin: large }))).to.include({
        cniVersion: '1.0.0',
        code: 11,
      });
    });

    it('says that it is not available when STATUS gets no answer in time', async () => {
      await agent(() => undefined);
      const error = errorOf(await cni({ CNI_COMMAND: 'STATUS' }));
      expect(error).to.include({ code: 50 });
      expect(error.msg).to.contain('timed out');
      expect(peer?.connections).to.equal(1);
    });

    it('refuses an agent of another wire version', async () => {
      await agent((_, socket) => socket.end('{"version":2,"exitCode":0,"stdout":""}'));
      const error = errorOf(await cni({ CNI_COMMAND: 'ADD' }));
      expect(error.msg).to.contain('version is 2, not 1');
      expect(error.details).to.contain('same release');
    });
  });

  describe('on its own', () => {
    const supportedVersions = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'];

    for (const [stdin, cniVersion] of [
      ['{"cniVersion":"0.4.0"}', '0.4.0'],
      ['', '1.1.0'],
      ['not JSON', '1.1.0'],
      [{ state: 'closed' }, '1.1.0'],
    ] as const) {
      it(`answers VERSION given ${JSON.stringify(stdin)}, without an agent`, async () => {
        const ending = await cni({ CNI_COMMAND: 'VERSION' }, { stdin });
        expect(ending).to.include({ exitCode: 0, stderr: '' });
        expect(JSON.parse(ending.stdout)).to.deep.equal({ cniVersion, supportedVersions });
      });
    }

    for (const [what, stdin, words] of [
      ['closed', { state: 'closed' }, 'Bad file descriptor'],
      ['too long', 'x'.repeat(maxConfigBytes + 1), 'Message too long'],
      ['not UTF-8', Uint8Array.of(0x7b, 0xff, 0x7d), 'Invalid or incomplete multibyte'],
    ] as const) {
      it(`says that standard input is ${what}`, async () => {
        const error = errorOf(await cni({ CNI_COMMAND: 'ADD' }, { stdin }));
        expect(error).to.include({ code: 5 });
        expect(error.msg).to.contain(words);
      });
    }

    it('names the variable when CNI_COMMAND is missing or empty, and tells a person more on stderr', async () => {
      for (const env of [{}, { CNI_COMMAND: '' }] as Record<string, string>[]) {
        const ending = await cni(env, { stdin: { state: 'open' } });
        expect(errorOf(ending)).to.include({ code: 4 });
        expect(errorOf(ending).msg).to.contain('CNI_COMMAND');
        expect(ending.stderr).to.contain('CNI_COMMAND=STATUS');
      }
    });

    it('names an unknown CNI_COMMAND', async () => {
      const error = errorOf(await cni({ CNI_COMMAND: 'add' }));
      expect(error).to.include({ cniVersion: '1.0.0', code: 4 });
      expect(error.msg).to.contain('CNI_COMMAND is "add"');
    });

    it('tells a person its version and its use', async () => {
      const version = await call({ command: [program, '--version'] });
      expect(version).to.include({ exitCode: 0, stderr: '' });
      expect(version.stdout).to.match(/^multi-nic \d+\.\d+\.\d+\n$/);
      const help = await call({ command: [program, '--help'] });
      expect(help).to.include({ exitCode: 0, stderr: '' });
      expect(help.stdout).to.contain('CNI_COMMAND=STATUS');
    });
  });
});
