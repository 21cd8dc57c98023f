import { readFileSync } from 'node:fs';
import { run, type RunResult } from '../../build/run.ts';
import { hostLink, mainNetwork, podRange, serviceRange } from './addressing.ts';
import { Component } from './component.ts';

export const mainBridge = 'main';

/** The bridge that the nth NIC (from 1) of every node is on. */
export function nicBridge(nic: number): string {
  return `nic${nic}`;
}

/**
 * The cables and switches of a cluster: one bridge for the main network and one for each secondary network, in a network
 * namespace of their own. Only a single link shows on the machine, and goes with the namespace.
 */
export class Fabric {
  readonly #slot: number;
  readonly #holder: Component;
  readonly #pauseProgram: string;
  readonly #bridges = new Map<string, Promise<void>>();

  constructor(slot: number, pauseProgram: string, logFile: string, env: NodeJS.ProcessEnv) {
    this.#slot = slot;
    this.#pauseProgram = pauseProgram;
    const argv = ['unshare', '--net', pauseProgram];
    this.#holder = new Component({ name: 'fabric', logFile, env, argv });
  }

  /** Makes the main network and connects the machine to it. */
  async start(): Promise<void> {
    this.#holder.start();
    await this.#holder.waitUntil(() =>
      Promise.resolve(readFileSync(`/proc/${this.#holder.pid}/cmdline`, 'utf8').split('\0')[0] === this.#pauseProgram),
    );
    const link = hostLink(this.#slot);
    const { host, prefixLength } = mainNetwork(this.#slot);
    await run(['ip', '-batch', '-'], {
      input: [
        `link add ${link} type veth peer name machine netns ${this.#holder.pid}`,
        `address add ${host}/${prefixLength} dev ${link}`,
        `address add ${serviceRange(this.#slot).first}/32 dev ${link}`,
        `link set ${link} up`,
      ].join('\n'),
    });
    await this.addBridge(mainBridge);
    await this.batch([`link set machine master ${mainBridge} up`]);
  }

  /** Makes a bridge, if it is not there yet. */
  addBridge(bridge: string): Promise<void> {
    const lines = [`link add ${bridge} type bridge mcast_snooping 0`, `link set ${bridge} up`];
    const made = this.#bridges.get(bridge) ?? this.batch(lines);
    this.#bridges.set(bridge, made);
    return made;
  }

  /** Puts a cable between a bridge and a new interface in the network namespace of a process. */
  async connect(bridge: string, port: string, pid: number, interfaceName: string): Promise<void> {
    await this.batch([
      `link add ${port} type veth peer name ${interfaceName} netns ${pid}`,
      `link set ${port} master ${bridge} up`,
    ]);
  }

  /** Pulls a cable out and throws it away, with the interface at its other end. */
  async disconnect(port: string): Promise<void> {
    await this.batch([`link delete ${port}`]);
  }

  /** Routes the pods of a node, from the machine. */
  async routePods(nodeIndex: number): Promise<void> {
    const via = mainNetwork(this.#slot).node(nodeIndex);
    await run(['ip', 'route', 'replace', podRange(this.#slot, nodeIndex), 'via', via, 'dev', hostLink(this.#slot)]);
  }

  /** Runs a program in the fabric's network namespace, for example `ip link set node1.1 down` to cut a cable. */
  async exec(argv: readonly string[]): Promise<RunResult> {
    return run(['nsenter', '--target', String(this.#holder.pid), '--net', '--', ...argv]);
  }

  async batch(lines: readonly string[]): Promise<void> {
    const argv = ['nsenter', '--target', String(this.#holder.pid), '--net', '--', 'ip', '-batch', '-'];
    await run(argv, { input: lines.join('\n') });
  }
}
