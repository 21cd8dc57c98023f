import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, type RunOptions, type RunResult } from '../../build/run.ts';
import { mainNetwork, nicNetwork, podRange } from './addressing.ts';
import type { NodePrograms } from './binaries.ts';
import { canConnect } from './canConnect.ts';
import { makeCgroup } from './cgroups.ts';
import { Component } from './component.ts';
import { containerdSocket, writeContainerdConfig } from './containerd.ts';
import { type Fabric, mainBridge, nicBridge } from './fabric.ts';
import type { Images } from './images.ts';
import { writeKubeletConfig } from './kubelet.ts';
import { createNamespace, enterNode, isSetUp, machinePath } from './nodeNamespace.ts';
import type { KeyPairFiles } from './pki.ts';
import { cgroupName } from './tearDown.ts';

/** A secondary NIC of a node. */
export interface NodeNic {
  /** Counts from 1; NICs of one index are on one bridge. */
  index: number;
  /** eth1, eth2, … */
  name: string;
  /** With prefix length, for example 10.1.2.11/24. */
  address: string;
  /** In the cluster's fabric. */
  bridge: string;
  subnet: string;
}

export interface NodeOptions {
  slot: number;
  /** Counts from 1. */
  index: number;
  name: string;
  folder: string;
  logs: string;
  programs: NodePrograms;
  images: Images;
  fabric: Fabric;
  caFile: string;
  kubeconfig: string;
  serving: KeyPairFiles;
  env: NodeJS.ProcessEnv;
}

/**
 * A real node: containerd and a kubelet in namespaces of their own (network, mounts, processes, host name). Inside, every
 * program finds its ordinary default paths; the rest of the file system is the machine's.
 */
export class ClusterNode {
  readonly name: string;
  /** Counts from 1. */
  readonly index: number;
  /** On the main network. */
  readonly ip: string;
  /** Where the primary network's pods on this node have their addresses. */
  readonly podRange: string;
  readonly nics: NodeNic[] = [];
  readonly containerd: Component;
  readonly kubelet: Component;
  readonly #options: NodeOptions;
  readonly #holder: Component;
  readonly #env: NodeJS.ProcessEnv;

  /** Called by the cluster. */
  static async create(options: NodeOptions): Promise<ClusterNode> {
    mkdirSync(options.folder, { recursive: true });
    const holder = createNamespace({
      ...options,
      pauseProgram: options.images.pauseProgram,
      cniPlugins: options.programs.cniPlugins,
      logFile: join(options.logs, `${options.name}.log`),
    });
    holder.start();
    await holder.waitUntil(() => Promise.resolve(isSetUp(holder, options.images.pauseProgram)));
    return new ClusterNode(options, holder);
  }

  private constructor(options: NodeOptions, holder: Component) {
    const { slot, index, name, programs } = options;
    this.#options = options;
    this.#holder = holder;
    this.#env = { ...options.env, PATH: `${programs.path}:${process.env.PATH ?? ''}` };
    this.name = name;
    this.index = index;
    this.ip = mainNetwork(slot).node(index);
    this.podRange = podRange(slot, index);
    writeContainerdConfig(this.path('/etc/containerd/config.toml'), programs.runc);
    this.containerd = this.component('containerd', [programs.containerd]);
    this.kubelet = this.component('kubelet', this.#kubeletCommand());
  }

  /** The process that holds the node's namespaces, as this machine numbers it. */
  get pid(): number {
    return this.#holder.pid;
  }

  /** Where this machine sees a path of the node's own folders (/run, /var/lib/multi-nic, /etc/cni/net.d, …). */
  path(path: string): string {
    return machinePath(this.#options.folder, path);
  }

  /** Runs a program on the node to its end. */
  async exec(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return run(enterNode(this.pid, argv), { ...options, env: { ...this.#env, ...options.env } });
  }

  /** A long-running program on the node, not yet started; it ends with the cluster at the latest. Logs to NODE-NAME.log. */
  component(name: string, argv: readonly string[]): Component {
    return new Component({
      name: `${name} on ${this.name}`,
      argv: enterNode(this.pid, argv),
      logFile: join(this.#options.logs, `${this.name}-${name}.log`),
      env: this.#env,
      entersNode: true,
    });
  }

  /** Loads a docker-archive or OCI archive into the node's containerd. */
  async importImage(archive: string): Promise<void> {
    await this.exec(['ctr', '--namespace', 'k8s.io', 'images', 'import', archive]);
  }

  /** Plugs in one more secondary NIC, on the bridge of its index; it is up and has its address. */
  async addNic(index = Math.max(0, ...this.nics.map(nic => nic.index)) + 1): Promise<NodeNic> {
    const { fabric, slot } = this.#options;
    const network = nicNetwork(slot, index);
    const nic = {
      index,
      name: `eth${index}`,
      address: network.node(this.index),
      bridge: nicBridge(index),
      subnet: network.subnet,
    };
    await fabric.addBridge(nic.bridge);
    await fabric.connect(nic.bridge, this.port(index), this.pid, nic.name);
    await this.#ip([`address add ${nic.address} dev ${nic.name}`, `link set ${nic.name} up`]);
    this.nics.push(nic);
    return nic;
  }

  /** Takes a secondary NIC out. */
  async removeNic(index: number): Promise<void> {
    const position = this.nics.findIndex(nic => nic.index === index);
    if (position < 0) throw new Error(`${this.name} has no NIC ${index}`);
    await this.#options.fabric.disconnect(this.port(index));
    this.nics.splice(position, 1);
  }

  /** The name of the bridge port that NIC `index` (0: the main network) is plugged into. */
  port(index: number): string {
    return `node${this.index}.${index}`;
  }

  /** Connects the node and starts containerd, then the kubelet. The node is not yet Ready when this returns. */
  async start(nics: number): Promise<void> {
    const { fabric, slot, index, images } = this.#options;
    this.#writePrimaryNetwork();
    makeCgroup(this.#cgroup);
    this.containerd.start();
    await fabric.connect(mainBridge, this.port(0), this.pid, 'eth0');
    const { host, prefixLength } = mainNetwork(slot);
    await this.#ip([
      'link set lo up',
      `address add ${this.ip}/${prefixLength} dev eth0`,
      'link set eth0 up',
      `route add default via ${host}`,
    ]);
    await fabric.routePods(index);
    for (let nic = 1; nic <= nics; nic++) await this.addNic(nic);
    await this.containerd.waitUntil(() => canConnect(this.path(containerdSocket)));
    await Promise.all(images.archives.map(archive => this.importImage(archive)));
    this.kubelet.start();
  }

  /** Routes the pods of another node. */
  async routePodsOf(other: ClusterNode): Promise<void> {
    await this.#ip([`route replace ${other.podRange} via ${other.ip}`]);
  }

  /** Ends everything on the node at once, as when its power is cut. Its Node object stays. */
  async kill(): Promise<void> {
    await this.#holder.kill();
  }

  get #cgroup(): string {
    return `${cgroupName(this.#options.slot)}/${this.name}`;
  }

  async #ip(lines: readonly string[]): Promise<void> {
    const argv = ['nsenter', '--target', String(this.pid), '--net', '--', 'ip', '-batch', '-'];
    await run(argv, { input: lines.join('\n') });
  }

  #kubeletCommand(): string[] {
    const { programs, kubeconfig, caFile, serving, folder } = this.#options;
    return writeKubeletConfig({
      program: programs.kubelet,
      version: programs.kubeletVersion,
      nodeName: this.name,
      nodeAddress: this.ip,
      podRange: this.podRange,
      cgroup: this.#cgroup,
      configFile: join(folder, 'kubelet.json'),
      kubeconfig,
      caFile,
      serving,
    });
  }

  /** The primary network: a bridge for the node's pods, routed by the node. */
  #writePrimaryNetwork(): void {
    const ranges = [[{ subnet: this.podRange }]];
    const ipam = { type: 'host-local', routes: [{ dst: '0.0.0.0/0' }], ranges };
    const plugins = [{ type: 'bridge', bridge: 'cni0', isGateway: true, ipam }];
    const list = { cniVersion: '0.4.0', name: 'primary', plugins };
    writeFileSync(this.path('/etc/cni/net.d/10-primary.conflist'), `${JSON.stringify(list, null, 2)}\n`);
  }
}
