import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { bootUml } from './boot.ts';
import { planUmlNetwork } from './network.ts';
import { requireUml } from './probe.ts';

/** Two "hosts" on one cable, a pod with an ipvlan l3 link on each, and the routes between them. */
const ipvlanBetweenHosts = `
  set -eu
  for host in a b; do ip netns add host-$host; ip netns add pod-$host; done
  ip link add cable netns host-a type veth peer name cable netns host-b
  connect() { # host, its address, pod's address, route to the other pod, via
    ip -n host-$1 address add $2/24 dev cable
    ip -n host-$1 link set cable up
    ip -n host-$1 link add net1 link cable netns pod-$1 type ipvlan mode l3
    ip -n pod-$1 address add $3/32 dev net1
    ip -n pod-$1 link set net1 up
    ip -n pod-$1 route add default dev net1
    ip -n host-$1 route add $4 via $5 dev cable
  }
  connect a 10.1.0.1 10.2.1.1 10.2.2.0/24 10.1.0.2
  connect b 10.1.0.2 10.2.2.1 10.2.1.0/24 10.1.0.1
  ip netns exec pod-a "$NODE" "$PEER" listen 10.2.1.1 &
  ip netns exec pod-b "$NODE" "$PEER" greet 10.2.1.1
  wait
`;

/** A process's parent as /proc/PID/stat has it; undefined once the process has ended. */
function parentOf(pid: number): number | undefined {
  try {
    const [, state, parent] = /\) (\S) (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return state === 'Z' ? undefined : Number(parent);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** The processes below `ancestor`. */
function descendants(ancestor: number): number[] {
  const all = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number);
  const children = all.filter(pid => parentOf(pid) === ancestor);
  return children.flatMap(pid => [pid, ...descendants(pid)]);
}

describe('User-Mode Linux', () => {
  before(async function () {
    this.timeout(300_000); // the first time it is fetched
    await requireUml(() => this.skip());
  });

  it('gives back the exit code and the output of its command, byte by byte', async () => {
    const { exitCode, output } = await bootUml({
      command: ['sh', '-c', 'printf "%s\\n" "$1"; pwd; printf "$GREETING"; exit 7', 'sh', 'two words'],
      env: { PATH: process.env.PATH ?? '', GREETING: 'ünï' },
      cwd: '/usr',
    });
    expect({ exitCode, output }).to.deep.equal({ exitCode: 7, output: 'two words\n/usr\nünï' });
  });

  it('makes ipvlan l3 links, over which pods of two hosts talk', async () => {
    const { exitCode, output } = await bootUml({
      command: ['sh', '-c', ipvlanBetweenHosts],
      env: { PATH: process.env.PATH ?? '', NODE: process.execPath, PEER: join(import.meta.dirname, 'peer.ts') },
    });
    expect(exitCode, output).to.equal(0);
    expect(output).to.contain('heard "hello from 10.2.2.1"');
  });

  it('says what happened when the machine has not enough memory to start', async () => {
    const failure = await bootUml({ command: ['true'], memoryMb: 16, timeoutS: 30 }).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Error).with.property('message').that.contains('its command had not ended');
  });

  it('ends a command that takes too long', async () => {
    const failure = await bootUml({ command: ['sleep', '1000'], timeoutS: 5 }).catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Error).with.property('message').that.contains('did not end within 5 s');
  });

  it('reaches a server on the loopback of the host, and leaves no device behind', async function () {
    if (process.getuid?.() !== 0) this.skip();
    this.timeout(150_000); // beyond that of the boot, which says where a machine hung
    const network = planUmlNetwork();
    const server = createServer(socket => socket.end('hello from outside'));
    server.listen(0, '127.0.0.1');
    try {
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      const { exitCode, output } = await bootUml({
        command: ['bash', '-c', `cat < /dev/tcp/${network.hostAddress}/${port}`],
        network,
        forwardedPorts: [port],
      });
      expect(exitCode, output).to.equal(0);
      expect(output).to.equal('hello from outside');
      expect(existsSync(`/sys/class/net/${network.device}`)).to.equal(false);
    } finally {
      server.close();
    }
  });

  it('leaves nothing behind when the process that booted it is killed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'multi-nic-smoke-'));
    const program = `import { bootUml } from ${JSON.stringify(import.meta.resolve('./boot.ts'))};
      await bootUml({ command: ['sh', '-c', 'echo running; sleep 1000'], onOutput: text => process.stdout.write(text) });`;
    const env = { ...process.env, TMPDIR: folder };
    const boot = (): ChildProcessByStdio<null, Readable, null> =>
      spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env,
      });
    try {
      const owners = [boot()];
      for (const owner of owners) {
        await once(owner.stdout, 'data');
        expect(readdirSync(folder)).to.have.length(1); // the second removes what the first left
        const machine = descendants(owner.pid ?? 0);
        expect(machine.length).to.be.greaterThan(1);
        owner.kill('SIGKILL');
        await once(owner, 'exit');
        while (machine.some(pid => parentOf(pid) !== undefined)) await sleep(50); // mocha's time limit ends a failure
        if (owners.length < 2) owners.push(boot());
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
