import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { Readable } from 'node:stream';
import { forward } from './forward.ts';
import { type UmlKernel, umlKernel } from './kernel.ts';
import { connectHost, networkParameter, type UmlNetwork } from './network.ts';
import { newPlanFolder, readExitCode, sayConnected, writePlan } from './plan.ts';

/** Enough for a few Node processes. */
const defaultMemoryMb = 512;

/** The network types under test, and what their tests build "hosts" and cables from. */
const defaultModules = ['dummy', 'ipvlan', 'macvlan', 'veth', 'vrf', '8021q', 'bridge'] as const;

export interface UmlOptions {
  /** Run as root, without a shell. */
  readonly command: readonly [string, ...string[]];
  /** Its whole environment; this process's own where none is given. */
  readonly env?: Readonly<Record<string, string>>;
  /** The folder it starts in; this process's own where none is given. */
  readonly cwd?: string;
  /** Memory of the machine inside. Only what is used costs the host. */
  readonly memoryMb?: number;
  /** The whole run; then everything inside is killed. */
  readonly timeoutS?: number;
  /** Kernel modules to load, by name, besides dummy, ipvlan, macvlan, veth, vrf, 8021q and bridge. */
  readonly modules?: readonly string[];
  /** Parameters of modules, also of those that are loaded because others need them, by name. */
  readonly moduleParameters?: Readonly<Record<string, string>>;
  /** A wire to the host, from {@link planUmlNetwork}; needs root on the host. */
  readonly network?: UmlNetwork;
  /** TCP ports of the host's 127.0.0.1 that are reachable from inside, on the network's hostAddress. */
  readonly forwardedPorts?: readonly number[];
  /** Called with output as it comes; standard output and standard error inside are one. */
  readonly onOutput?: (text: string) => void;
  /** Ends the run. */
  readonly signal?: AbortSignal;
}

export interface UmlResult {
  /** As a shell gives it: 128 and the signal's number for a command that was killed. */
  readonly exitCode: number;
  readonly output: string;
}

/**
 * Boots User-Mode Linux over the host's own files, runs one command in it as root, and switches it off. Inside are a kernel with all
 * network types, one processor, and own /dev, /proc, /sys, /run and /dev/shm; every other path is the host's, also for writing.
 * (So what the command needs must not lie below those folders on the host.)
 * The machine is in a process-ID namespace that is killed with this process, so nothing is left behind however this ends.
 * @throws Error with the console's last lines when the machine did not get as far as running the command, or took too long
 */
export async function bootUml(options: UmlOptions): Promise<UmlResult> {
  options.signal?.throwIfAborted();
  const kernel = await umlKernel();
  const folder = await newPlanFolder();
  try {
    const { command, env = ownEnvironment(), cwd = process.cwd(), modules = [], network } = options;
    const parameters = options.moduleParameters ?? {};
    await writePlan(
      folder,
      { command, env, cwd, modules: [...defaultModules, ...modules], parameters, network },
      kernel,
    );
    const { output, console, ending } = await runMachine(kernel, folder, options);
    const exitCode = await readExitCode(folder);
    if (exitCode !== undefined) return { exitCode, output };
    throw new Error(`User-Mode Linux ${ending}; its command had not ended:\n${(output + console).slice(-4000)}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A machine's whole life: what the command printed, what the kernel and process 1 said, and in words how it ended. */
interface MachineRun {
  readonly output: string;
  readonly console: string;
  readonly ending: string;
}

async function runMachine(kernel: UmlKernel, folder: string, options: UmlOptions): Promise<MachineRun> {
  const { timeoutS = 120, signal } = options;
  const child = start(kernel, folder, options, await memoryFolder(options.memoryMb ?? defaultMemoryMb));
  const said = { output: '', console: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said.output += text;
    options.onOutput?.(text);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.console += text));
  const over = new AbortController();
  const ended = new Promise<string>(resolve => {
    child.once('error', error => resolve(`could not be started (${error.message})`));
    child.once('close', (code, killer) => resolve(killer === null ? `ended (${code})` : `was killed (${killer})`));
  }).finally(() => over.abort());
  const late = AbortSignal.timeout(timeoutS * 1000);
  const given = AbortSignal.any(signal ? [late, signal] : [late]);
  const kill = (): void => void child.kill('SIGKILL');
  given.addEventListener('abort', kill, { once: true });
  if (given.aborted) kill();
  const wire = new AsyncDisposableStack();
  try {
    if (options.network) await connect(wire, folder, options.network, options.forwardedPorts ?? [], over.signal);
    const ending = await ended;
    signal?.throwIfAborted();
    return { ...said, ending: late.aborted ? `did not end within ${timeoutS} s and was killed` : ending };
  } finally {
    given.removeEventListener('abort', kill);
    kill();
    await ended;
    await wire.disposeAsync();
  }
}

/** Makes the host's end of the wire, and in `wire` what listens there. A machine that ends before that says why by itself. */
async function connect(
  wire: AsyncDisposableStack,
  folder: string,
  network: UmlNetwork,
  ports: readonly number[],
  over: AbortSignal,
): Promise<void> {
  try {
    await connectHost(network, over);
    for (const port of ports) wire.use(await forward(network.hostAddress, port));
    await sayConnected(folder);
  } catch (error) {
    if (!over.aborted) throw error;
  }
}

/** Where the machine's memory is kept, a file without a name: in memory, or on disk where too little of that may be used for files. */
async function memoryFolder(memoryMb: number): Promise<string> {
  const { bavail, bsize } = await statfs('/dev/shm');
  return bavail * bsize > memoryMb * 1024 * 1024 ? '/dev/shm' : tmpdir();
}

/**
 * `setpriv --pdeathsig` kills `unshare` when this process dies, `--kill-child` then the first process of the namespace, and the
 * system with it all others: the kernel runs each process inside as one outside.
 */
function start(
  kernel: UmlKernel,
  folder: string,
  options: UmlOptions,
  memory: string,
): ChildProcessByStdio<null, Readable, Readable> {
  const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const machine = [
    kernel.program,
    'umid=machine',
    `uml_dir=${folder}/`,
    `mem=${options.memoryMb ?? defaultMemoryMb}M`,
    ...['root=/dev/root', 'rootfstype=hostfs', 'rootflags=/', 'rw'],
    ...['quiet', 'loglevel=3', 'con=null', 'con0=null,fd:2', 'con1=null,fd:1'],
    ...(options.network ? [networkParameter(options.network)] : []),
    `init=${kernel.init}`,
    `UML_PLAN=${folder}`,
  ];
  const isolated = ['unshare', ...asRoot, '--pid', '--fork', '--kill-child', '--mount-proc', ...machine];
  return spawn('setpriv', ['--pdeathsig', 'KILL', ...isolated], {
    env: { PATH: process.env.PATH, TMPDIR: memory, LD_PRELOAD: kernel.preload },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** The environment of this process. */
export function ownEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
