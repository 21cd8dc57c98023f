import { mkdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { run, type RunOptions, type RunResult } from '../../build/run.ts';
import { mainNetwork } from './addressing.ts';
import { type ControlPlanePrograms, controlPlanePrograms, type NodePrograms, nodePrograms } from './binaries.ts';
import type { Component } from './component.ts';
import { type ControlPlane, type ControlPlaneOptions, startApiServer, startControllers } from './controlPlane.ts';
import { Fabric } from './fabric.ts';
import { createFakeNodes, type FakeNode } from './fakeNodes.ts';
import { ensureImages, type Images } from './images.ts';
import { writeKubeconfig, writeTokenKubeconfig } from './kubeconfig.ts';
import { ClusterNode } from './node.ts';
import { startReaper } from './owner.ts';
import { markVariable } from './processes.ts';
import { type SlotRecord, writeRecord } from './slots.ts';
import type { Version } from './version.ts';

/** What startCluster was asked for, with every default filled in. */
export interface ClusterPlan {
  nodes: number;
  nics: number;
  fakeNodes: readonly FakeNode[];
  scheduler: boolean;
  controllerManager: boolean;
  apiServerArgs: readonly string[];
  schedulerArgs: readonly string[];
  controllerManagerArgs: readonly string[];
}

interface NodeEnvironment {
  programs: NodePrograms;
  images: Images;
  fabric: Fabric;
}

/** The programs that a cluster runs. */
export interface ClusterPrograms {
  controlPlane: ControlPlanePrograms;
  /** Absent in a cluster without real nodes. */
  node?: { programs: NodePrograms; images: Images };
}

/** A pod that a token is bound to. */
interface PodIdentity {
  name: string;
  uid: string;
}

/** Finds or makes the programs for a cluster. */
export async function clusterPrograms(realNodes: boolean): Promise<ClusterPrograms> {
  const controlPlane = await controlPlanePrograms();
  if (!realNodes) return { controlPlane };
  const programs = await nodePrograms(controlPlane.version);
  return { controlPlane, node: { programs, images: await ensureImages(programs.busybox) } };
}

/** A running cluster. Ends with stop(), or with the process that started it, however that ends. */
export class Cluster implements AsyncDisposable {
  readonly name: string;
  /** Unique among the clusters of this machine at a time; its addresses and names follow from it. */
  readonly slot: number;
  /** Holds logs/, pki/ and kubeconfigs. */
  readonly runFolder: string;
  readonly version: Version;
  /** In order of their index, which counts from 1. */
  readonly nodes: ClusterNode[] = [];
  readonly #programs: ClusterPrograms;
  readonly #record: SlotRecord;
  readonly #env: NodeJS.ProcessEnv;
  #reap: (() => Promise<void>) | undefined;
  #controlPlane: ControlPlane | undefined;
  #nodeEnvironment: NodeEnvironment | undefined;

  /** Use startCluster. */
  constructor(record: SlotRecord, programs: ClusterPrograms) {
    this.#record = record;
    this.#programs = programs;
    this.#env = { ...process.env, [markVariable]: record.mark };
    this.version = programs.controlPlane.version;
    this.name = record.name;
    this.slot = record.slot;
    this.runFolder = record.runFolder;
  }

  /** https://address:port of the API server, for this machine, its nodes and their pods alike. */
  get server(): string {
    return this.#running.server;
  }

  /** PEM of the authority that signed the API server's certificate. */
  get caCertificate(): string {
    return this.#running.pki.caCertificate;
  }

  /** The path of the administrator's kubeconfig. */
  get kubeconfig(): string {
    return this.#running.kubeconfig;
  }

  /** The folder of all logs. */
  get logs(): string {
    return join(this.runFolder, 'logs');
  }

  /** The path of a kubectl of the cluster's version. */
  get kubectlProgram(): string {
    return this.#programs.controlPlane.kubectl;
  }

  get etcd(): Component {
    return this.#running.etcd;
  }

  get apiServer(): Component {
    return this.#running.apiServer;
  }

  get scheduler(): Component {
    return present(this.#running.scheduler, 'scheduler');
  }

  get controllerManager(): Component {
    return present(this.#running.controllerManager, 'controller manager');
  }

  /** The bridges that the nodes are plugged into. */
  get fabric(): Fabric {
    return present(this.#nodeEnvironment, 'real nodes').fabric;
  }

  /** Writes a kubeconfig for a user and its groups and returns its path. */
  async kubeconfigFor(user: string, groups: readonly string[] = []): Promise<string> {
    const { pki, server } = this.#running;
    return writeKubeconfig(pki, this.runFolder, server, { commonName: user, organizations: groups });
  }

  /** A token of a service account, as its pods get one (TokenRequest), for two hours. Of a pod: it ends with that, and newer servers say its node in it. */
  async tokenFor({ namespace, name }: { namespace: string; name: string }, pod?: PodIdentity): Promise<string> {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
    const boundObjectRef = pod && { apiVersion: 'v1', kind: 'Pod', name: pod.name, uid: pod.uid };
    const spec = { expirationSeconds: 7200, ...(boundObjectRef && { boundObjectRef }) };
    const input = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec });
    const { stdout } = await this.kubectl(['create', '--raw', path, '-f', '-'], { input });
    return (JSON.parse(stdout) as { status: { token: string } }).status.token;
  }

  /** Writes a kubeconfig with such a token and returns its path: unlike a certificate it is not verified anew for each request. */
  async tokenKubeconfigFor(account: { namespace: string; name: string }, pod?: PodIdentity): Promise<string> {
    const { pki, server } = this.#running;
    const name = pod ? `${account.name}-${pod.name}` : account.name;
    return writeTokenKubeconfig(pki, this.runFolder, server, name, await this.tokenFor(account, pod));
  }

  /** Runs kubectl as administrator (or as another kubeconfig's user) and returns what it printed. */
  async kubectl(args: readonly string[], options: RunOptions & { kubeconfig?: string } = {}): Promise<RunResult> {
    const { kubeconfig = this.kubeconfig, ...rest } = options;
    const env = { ...this.#env, ...rest.env, KUBECONFIG: kubeconfig };
    // kubectl remembers what a server offers by its address, which the next cluster may have
    const cache = `--cache-dir=${join(this.runFolder, 'kubectl-cache')}`;
    return run([this.#programs.controlPlane.kubectl, cache, ...args], { ...rest, env });
  }

  /** Waits until the API server answers, after it or etcd was restarted. */
  async waitUntilReady(): Promise<void> {
    const { apiServer, client } = this.#running;
    await apiServer.waitUntil(() => client.isReady());
  }

  /** Waits until these nodes (default: all real ones) are Ready. */
  async waitForNodes(names: readonly string[] = this.nodes.map(node => node.name)): Promise<void> {
    const { client, apiServer } = this.#running;
    const isReady = async (name: string): Promise<boolean> => {
      const { status, text } = await client.send('GET', `/api/v1/nodes/${name}`);
      return status === 200 && text.includes('"type":"Ready","status":"True"');
    };
    await apiServer.waitUntil(async () => (await Promise.all(names.map(isReady))).every(Boolean));
  }

  /** Creates Node objects without machines. */
  async addFakeNodes(nodes: readonly FakeNode[]): Promise<void> {
    await createFakeNodes(this.#running.client, nodes);
  }

  /** Adds a real node, in a cluster that was started with at least one. It is not yet Ready when this returns. */
  async addNode(nics: number): Promise<ClusterNode> {
    return this.#createNode(this.nodes.length + 1, nics);
  }

  /** Called once, by startCluster. */
  async start(plan: ClusterPlan): Promise<void> {
    this.#reap = startReaper(this.#record);
    mkdirSync(this.logs, { recursive: true });
    if (this.#programs.node !== undefined) {
      const { programs, images } = this.#programs.node;
      const fabric = new Fabric(this.slot, images.pauseProgram, join(this.logs, 'fabric.log'), this.#env);
      await fabric.start();
      this.#nodeEnvironment = { fabric, programs, images };
    }
    const dataFolder = this.#dataFolder('etcd');
    const { slot, runFolder } = this;
    const options: ControlPlaneOptions = {
      ...plan,
      ...{ slot, runFolder, dataFolder },
      programs: this.#programs.controlPlane,
      nodesReachIt: plan.nodes > 0,
      fakeNodes: plan.fakeNodes.length > 0,
      logs: this.logs,
      env: this.#env,
    };
    const controlPlane = (this.#controlPlane = await startApiServer(options));
    writeRecord(Object.assign(this.#record, { kubeconfig: this.kubeconfig }));
    const indexes = Array.from({ length: plan.nodes }, (_, index) => index + 1);
    await Promise.all([
      startControllers(controlPlane, options),
      this.addFakeNodes(plan.fakeNodes),
      ...indexes.map(index => this.#createNode(index, plan.nics)),
    ]);
    await this.waitForNodes();
  }

  /** Ends everything and removes all that the cluster made. */
  async stop(): Promise<void> {
    await this.#controlPlane?.client.close();
    await this.#reap?.();
    this.#reap = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  get #running(): ControlPlane {
    return present(this.#controlPlane, 'control plane yet');
  }

  async #createNode(index: number, nics: number): Promise<ClusterNode> {
    const { fabric, programs, images } = present(this.#nodeEnvironment, 'real nodes');
    const { pki } = this.#running;
    const name = `node-${index}`;
    const node = await ClusterNode.create({
      ...{ slot: this.slot, index, name, programs, images, fabric },
      folder: this.#dataFolder(name),
      logs: this.logs,
      caFile: pki.caFile,
      kubeconfig: await this.kubeconfigFor(`system:node:${name}`, ['system:nodes']),
      serving: await pki.server(`${name}-kubelet`, [name, mainNetwork(this.slot).node(index)]),
      env: this.#env,
    });
    this.nodes.push(node);
    this.nodes.sort((a, b) => a.index - b.index);
    await node.start(nics);
    const others = this.nodes.filter(other => other !== node);
    await Promise.all(others.flatMap(other => [other.routePodsOf(node), node.routePodsOf(other)]));
    return node;
  }

  /** In memory where there is room: etcd and containerd wait for the disk at every step otherwise. */
  #dataFolder(name: string): string {
    const { bavail, bsize } = statfsSync('/dev/shm');
    const isRoomy = bavail * bsize > minimumMemory;
    return join(isRoomy ? memoryFolder(this.slot) : join(this.runFolder, 'data'), name);
  }
}

const minimumMemory = 2 * 1024 ** 3;

/** The cluster's folder in memory. */
export function memoryFolder(slot: number): string {
  return `/dev/shm/multi-nic-test-${slot}`;
}

function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`This cluster has no ${what}`);
  return value;
}
