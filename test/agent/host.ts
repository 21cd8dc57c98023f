import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { call, type Ending } from '../cni/program.ts';
import { eventually } from '../eventually.ts';
import { Namespace } from './namespaces.ts';
import { Program } from './programs.ts';

const repository = join(import.meta.dirname, '..', '..');

export interface HostOptions {
  /** From 1; the host's last address byte is 10 more. */
  readonly index: number;
  readonly nics: number;
  readonly folder: string;
  /** Absent where the agent is let in as it is in its pod. */
  readonly kubeconfig: string | undefined;
  /** The CNI executable. */
  readonly executable: string;
  /** https://127.0.0.1:port of the API server. */
  readonly server: string;
  readonly switches: Namespace;
  /** Folder of the reference plugins. */
  readonly plugins: string;
  /** More of the agent's options. */
  readonly agentOptions?: readonly string[];
}

/** One CNI call of a sandbox. */
export interface SandboxCall {
  readonly command: string;
  readonly containerId: string;
  readonly netns?: string;
  readonly ifname?: string;
  readonly pod?: { readonly metadata: { readonly name: string; readonly uid?: string } };
  readonly config: object;
}

/** A host: a network namespace with NICs, and the agent in it. */
export class Host implements AsyncDisposable {
  readonly nodeName: string;
  readonly namespace: Namespace;
  readonly folder: string;
  readonly #options: HostOptions;
  #relay: Program | undefined;
  #agent: Program | undefined;

  private constructor(options: HostOptions) {
    this.#options = options;
    this.nodeName = `host-${options.index}`;
    this.namespace = new Namespace(this.nodeName);
    this.folder = join(options.folder, this.nodeName);
  }

  static async start(options: HostOptions): Promise<Host> {
    const host = new Host(options);
    try {
      await host.#start();
      return host;
    } catch (error) {
      await host[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const { server, folder } = this.#options;
    mkdirSync(this.ownPlugins, { recursive: true });
    this.#plugIn();
    const { port } = new URL(server);
    const relay = join(import.meta.dirname, 'relay.ts');
    this.#relay = new Program(this.namespace.enter(process.execPath, relay, port, join(folder, 'api.sock')));
    await this.#relay.firstOutput();
    await this.startAgent();
  }

  get socket(): string {
    return join(this.folder, 'run', 'cni.sock');
  }

  /** Folder of the reference plugins. */
  get plugins(): string {
    return this.#options.plugins;
  }

  get agentPid(): number {
    return this.#agent?.pid ?? 0;
  }

  /** What the agents have logged. */
  get log(): string {
    return readFileSync(join(this.folder, 'agent.log'), 'utf8');
  }

  /** The lines of one of the agent's metrics, without its name. */
  metric(name: string): string[] {
    const program = "process.stdout.write(await (await fetch('http://127.0.0.1:11080/metrics')).text())";
    const text = this.namespace.exec(process.execPath, '--input-type=module', '-e', program);
    return text
      .split('\n')
      .filter(line => line.startsWith(`${name}{`))
      .map(line => line.slice(name.length))
      .sort();
  }

  /** Where a test may put plugins of its own: the agent looks there for what the call's CNI_PATH has not. */
  get ownPlugins(): string {
    return join(this.folder, 'plugins');
  }

  async startAgent(env: NodeJS.ProcessEnv = {}, more: readonly string[] = []): Promise<void> {
    const { kubeconfig, agentOptions = [] } = this.#options;
    const argv = [
      join(repository, 'agent/main.ts'),
      ...['--node-name', this.nodeName, ...(kubeconfig === undefined ? [] : ['--kubeconfig', kubeconfig])],
      ...['--socket', this.socket, '--state-dir', join(this.folder, 'state'), '--health-port', '11080'],
      ...[
        '--kubelet-dir',
        join(this.folder, 'kubelet'),
        '--sysfs',
        join(this.folder, 'sys'),
        '--cni-path',
        this.ownPlugins,
      ],
      // What it says of other hosts would come at any time; who tests that asks for it.
      ...['--probe-interval', '0', ...agentOptions, ...more],
    ];
    this.#agent = new Program(this.namespace.enter(process.execPath, ...argv), {
      logFile: join(this.folder, 'agent.log'),
      // Tests start agents again and again: most of a start is compiling.
      env: { LOG_LEVEL: 'debug', NODE_COMPILE_CACHE: join(this.#options.folder, 'compiled'), ...process.env, ...env },
    });
    const isServing = async (): Promise<boolean> => existsSync(this.socket) && (await this.isReady());
    await eventually('the agent serves CNI calls', isServing, 180_000);
  }

  async stopAgent(signal: NodeJS.Signals): Promise<void> {
    await this.#agent?.stop(signal);
  }

  async isReady(): Promise<boolean> {
    const config = { cniVersion: '1.1.0', name: 'any', type: 'multi-nic', plugin: {} };
    return (await this.cni({ command: 'STATUS', containerId: '', config })).exitCode === 0;
  }

  /** Calls the real executable, with the environment that Multus gives it (multus-cni pkg/multus, conf.RuntimeConf). */
  async cni({ command, containerId, netns = '', ifname = 'net1', pod, config }: SandboxCall): Promise<Ending> {
    const args = [
      'IgnoreUnknown=true',
      'K8S_POD_NAMESPACE=default',
      `K8S_POD_NAME=${pod?.metadata.name ?? ''}`,
      `K8S_POD_INFRA_CONTAINER_ID=${containerId}`,
      `K8S_POD_UID=${pod?.metadata.uid ?? ''}`,
    ];
    const env = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: containerId,
      CNI_NETNS: netns,
      CNI_IFNAME: ifname,
      CNI_ARGS: pod ? args.join(';') : '',
      CNI_PATH: this.#options.plugins,
    };
    return this.execute(env, JSON.stringify(config));
  }

  /** Calls the real executable with just this environment and these bytes. */
  execute(env: Readonly<Record<string, string>>, stdin: string): Promise<Ending> {
    return call({
      command: [this.#options.executable],
      env: { ...env, MULTI_NIC_SOCKET: this.socket },
      stdin,
    });
  }

  /** Routes of the agent's own tables, as iproute2 shows them. */
  ownRoutes(): string[] {
    const text = this.namespace.ip('route', 'show', 'table', 'all', 'proto', '77');
    return text
      .split('\n')
      .map(line => line.trim())
      .filter(line => line.includes('table'));
  }

  #plugIn(): void {
    const { index, nics, switches } = this.#options;
    const all = Array.from({ length: nics + 1 }, (_, n) => n);
    const peer = (n: number): string => `peer name eth${n} netns ${this.namespace.name}`;
    switches.batch(all.map(n => `link add h${index}n${n} up master sw${n} type veth ${peer(n)}`));
    this.namespace.batch([
      ...all.flatMap(n => [`link set eth${n} up`, `address add 172.20.${n}.${10 + index}/24 dev eth${n}`]),
      'route add default via 172.20.0.1 dev eth0',
    ]);
    this.namespace.exec('sysctl', '-qw', 'net.ipv4.ip_forward=1');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent?.stop('SIGKILL');
    await this.#relay?.stop('SIGKILL');
    this.namespace[Symbol.dispose]();
  }
}
