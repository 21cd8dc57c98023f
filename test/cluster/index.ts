import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Subject } from '../../certs/authority.ts';
import { serviceRange } from './addressing.ts';
import { ApiClient } from './apiClient.ts';
import { createApiServer } from './apiServer.ts';
import { controlPlanePrograms, type ControlPlanePrograms, type Progress } from './binaries.ts';
import type { Component } from './component.ts';
import { createControllerManager } from './controllerManager.ts';
import { createEtcd } from './etcd.ts';
import { createFakeNodes, type FakeNode } from './fakeNodes.ts';
import { writeKubeconfig } from './kubeconfig.ts';
import { createPki, type Pki } from './pki.ts';
import { loopbackPorts } from './ports.ts';
import { identify, markVariable } from './processes.ts';
import { run, type RunOptions, type RunResult } from './run.ts';
import { createScheduler } from './scheduler.ts';
import { claimSlot, writeRecord, type SlotRecord } from './slots.ts';
import type { Version } from './version.ts';

export type { Component } from './component.ts';
export type { FakeNode } from './fakeNodes.ts';
export type { RunOptions, RunResult } from './run.ts';

export interface ClusterOptions {
  /** For people only; clusters of one name do not collide. */
  name?: string;
  /** How many real nodes: 0 is a control plane alone. */
  nodes?: number;
  /** Node objects without a machine: how many (named fake-1, fake-2, …), or which. */
  fakeNodes?: number | readonly FakeNode[];
  /** How many secondary NICs each real node has. */
  nics?: number;
  /** Default: where there are real nodes. */
  scheduler?: boolean;
  /** Default: where there are real nodes. Without it no pod needs a ServiceAccount. */
  controllerManager?: boolean;
  /** Added to the API server's arguments. */
  apiServerArgs?: readonly string[];
  schedulerArgs?: readonly string[];
  controllerManagerArgs?: readonly string[];
  /** Where logs, certificates and kubeconfigs go; kept at the end. Default: a folder of its own, removed at the end. */
  runFolder?: string;
  /** Receives lines that say what is being built or started. Default: standard error. */
  progress?: Progress;
}

/** Starts a cluster and waits until it is ready; a cluster that does not become ready is torn down again. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const progress = options.progress ?? (line => process.stderr.write(`${line}\n`));
  const programs = await controlPlanePrograms(progress);
  const record = await claimSlot(options.name ?? 'cluster', slot => {
    const runFolder = options.runFolder ?? mkdtempSync(join(tmpdir(), 'multi-nic-cluster-'));
    const temporary = options.runFolder === undefined ? [runFolder] : [];
    return { runFolder, folders: [`/dev/shm/multi-nic-test-${slot}`, ...temporary] };
  });
  const cluster = new Cluster(record, programs, options);
  try {
    await cluster.start();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

/** A running cluster. Ends with stop(), or with the process that started it, however that ends. */
export class Cluster implements AsyncDisposable {
  readonly name: string;
  /** Unique among the clusters of this machine at a time; addresses and names follow from it. */
  readonly slot: number;
  readonly runFolder: string;
  readonly version: Version;
  readonly programs: ControlPlanePrograms;
  readonly #options: ClusterOptions;
  readonly #record: SlotRecord;
  readonly #env: NodeJS.ProcessEnv;
  #reaper: ChildProcess | undefined;
  #client: ApiClient | undefined;
  #pki: Pki | undefined;
  #etcd: Component | undefined;
  #apiServer: Component | undefined;
  #scheduler: Component | undefined;
  #controllerManager: Component | undefined;
  #server = '';
  #kubeconfig = '';

  constructor(record: SlotRecord, programs: ControlPlanePrograms, options: ClusterOptions) {
    this.#record = record;
    this.#options = options;
    this.#env = { ...process.env, [markVariable]: record.mark };
    this.programs = programs;
    this.version = programs.version;
    this.name = record.name;
    this.slot = record.slot;
    this.runFolder = record.runFolder;
  }

  /** https://address:port of the API server, for this machine, its nodes and their pods alike. */
  get server(): string {
    return this.#server;
  }

  /** PEM of the authority that signed the API server's certificate. */
  get caCertificate(): string {
    return present(this.#pki, 'PKI').caCertificate;
  }

  /** The path of the administrator's kubeconfig. */
  get kubeconfig(): string {
    return this.#kubeconfig;
  }

  get etcd(): Component {
    return present(this.#etcd, 'etcd');
  }

  get apiServer(): Component {
    return present(this.#apiServer, 'API server');
  }

  get scheduler(): Component {
    return present(this.#scheduler, 'scheduler');
  }

  get controllerManager(): Component {
    return present(this.#controllerManager, 'controller manager');
  }

  /** Writes a kubeconfig for a user and its groups and returns its path. */
  async kubeconfigFor(user: string, groups: readonly string[] = []): Promise<string> {
    const file = user.replaceAll(/[^\w.-]/g, '-');
    return this.#kubeconfigFile(file, { commonName: user, organizations: groups });
  }

  /** Runs kubectl as administrator (or as another kubeconfig's user) and returns what it printed. */
  async kubectl(args: readonly string[], options: RunOptions & { kubeconfig?: string } = {}): Promise<RunResult> {
    const { kubeconfig = this.#kubeconfig, ...rest } = options;
    const env = { ...this.#env, ...rest.env, KUBECONFIG: kubeconfig };
    // the cache of the API's discovery is per server address, which the next cluster may reuse
    const cache = `--cache-dir=${join(this.runFolder, 'kubectl-cache')}`;
    return run([this.programs.kubectl, cache, ...args], { ...rest, env });
  }

  /** Waits until the API server answers, after it or etcd was restarted. */
  async waitUntilReady(timeoutMs?: number): Promise<void> {
    const client = present(this.#client, 'client');
    await this.apiServer.waitUntil(() => client.isReady(), timeoutMs);
  }

  /** Creates Node objects without machines. */
  async addFakeNodes(nodes: readonly FakeNode[]): Promise<void> {
    await createFakeNodes(present(this.#client, 'client'), nodes);
  }

  /** Called once, by startCluster. */
  async start(): Promise<void> {
    await this.#startReaper();
    await mkdir(this.#logs, { recursive: true });
    await this.#startControlPlane();
    await Promise.all([this.#startControllers(), this.#startFakeNodes()]);
  }

  /** Ends everything and removes all that the cluster made. */
  async stop(): Promise<void> {
    await this.#client?.close();
    const reaper = this.#reaper;
    this.#reaper = undefined;
    if (reaper?.exitCode !== null) return;
    const ended = once(reaper, 'exit');
    reaper.stdin?.end();
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  get #logs(): string {
    return join(this.runFolder, 'logs');
  }

  async #startReaper(): Promise<void> {
    const program = join(import.meta.dirname, 'reaper.ts');
    mkdirSync(this.runFolder, { recursive: true });
    const reaper = spawn(process.execPath, [program, String(this.slot)], {
      stdio: ['pipe', 'ignore', 'inherit'],
      detached: true,
    });
    await once(reaper, 'spawn');
    reaper.unref();
    this.#reaper = reaper;
    const identity = identify(reaper.pid ?? 0);
    if (identity === undefined) throw new Error('The reaper ended as soon as it started');
    this.#record.reaper = identity;
    writeRecord(this.#record);
  }

  async #startControlPlane(): Promise<void> {
    const [clientPort = 0, peerPort = 0, apiPort = 0] = await loopbackPorts(this.slot, 3);
    const { component, endpoint } = createEtcd({
      program: this.programs.etcd,
      dataFolder: `/dev/shm/multi-nic-test-${this.slot}/etcd`,
      logFile: join(this.#logs, 'etcd.log'),
      env: this.#env,
      clientPort,
      peerPort,
    });
    this.#etcd = component;
    component.start();
    const pki = (this.#pki = await createPki(join(this.runFolder, 'pki')));
    const services = serviceRange(this.slot);
    const address = '127.0.0.1';
    this.#server = `https://${address}:${apiPort}`;
    this.#apiServer = await createApiServer({
      program: this.programs.apiServer,
      logFile: join(this.#logs, 'kube-apiserver.log'),
      pki,
      etcd: endpoint,
      address,
      port: apiPort,
      serviceRange: services.range,
      serviceAddress: services.first,
      disabledAdmission: this.#disabledAdmission(),
      extraArgs: this.#options.apiServerArgs ?? [],
      env: this.#env,
    });
    this.#apiServer.start();
    this.#kubeconfig = await this.kubeconfigFor('admin', ['system:masters']);
    const admin = {
      certificate: join(this.runFolder, 'pki/admin.crt'),
      privateKey: join(this.runFolder, 'pki/admin.key'),
    };
    this.#client = new ApiClient(this.#server, pki.caCertificate, admin);
    await this.waitUntilReady();
    this.#record.kubeconfig = this.#kubeconfig;
    writeRecord(this.#record);
  }

  #disabledAdmission(): string[] {
    const managed = this.#wantsControllerManager;
    return [
      // it waits for the default ServiceAccount, which the controller manager makes
      ...(managed ? [] : ['ServiceAccount']),
      // it taints new nodes, and only the controller manager removes the taint
      ...(managed && this.#fakeNodes.length === 0 ? [] : ['TaintNodesByCondition']),
    ];
  }

  get #wantsScheduler(): boolean {
    return this.#options.scheduler ?? (this.#options.nodes ?? 0) > 0;
  }

  get #wantsControllerManager(): boolean {
    return this.#options.controllerManager ?? (this.#options.nodes ?? 0) > 0;
  }

  get #fakeNodes(): readonly FakeNode[] {
    const { fakeNodes = 0 } = this.#options;
    if (typeof fakeNodes !== 'number') return fakeNodes;
    return Array.from({ length: fakeNodes }, (_, index) => ({ name: `fake-${index + 1}` }));
  }

  async #startControllers(): Promise<void> {
    const [schedulerPort = 0, managerPort = 0] = await loopbackPorts(this.slot, 2);
    const common = { version: this.version, env: this.#env };
    if (this.#wantsScheduler) {
      this.#scheduler = createScheduler({
        ...common,
        program: present(this.programs.scheduler, 'kube-scheduler'),
        kubeconfig: await this.kubeconfigFor('system:kube-scheduler'),
        logFile: join(this.#logs, 'kube-scheduler.log'),
        port: schedulerPort,
        extraArgs: this.#options.schedulerArgs ?? [],
      });
      this.#scheduler.start();
    }
    if (this.#wantsControllerManager) {
      const options = {
        ...common,
        program: present(this.programs.controllerManager, 'kube-controller-manager'),
        kubeconfig: await this.kubeconfigFor('system:kube-controller-manager'),
        logFile: join(this.#logs, 'kube-controller-manager.log'),
        port: managerPort,
        extraArgs: this.#options.controllerManagerArgs ?? [],
      };
      this.#controllerManager = createControllerManager(
        options,
        present(this.#pki, 'PKI'),
        this.#fakeNodes.length === 0,
      );
      this.#controllerManager.start();
      await this.controllerManager.waitUntil(() => this.#hasDefaultServiceAccount());
    }
  }

  /** Until the controller manager has made it, the API server refuses every pod. */
  async #hasDefaultServiceAccount(): Promise<boolean> {
    const path = '/api/v1/namespaces/default/serviceaccounts/default';
    return (await present(this.#client, 'client').send('GET', path)).status === 200;
  }

  async #startFakeNodes(): Promise<void> {
    await this.addFakeNodes(this.#fakeNodes);
  }

  async #kubeconfigFile(name: string, subject: Subject): Promise<string> {
    return writeKubeconfig(present(this.#pki, 'PKI'), this.runFolder, this.#server, name, subject);
  }
}

function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`This cluster has no ${what}`);
  return value;
}
