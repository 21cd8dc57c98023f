import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cidrs, hostInterfaces, leases, multiNicNetworks, nodes } from '../../kube/api/resources.ts';
import { microTime } from '../../kube/leader/leaseLock.ts';
import type { ReadyOptions } from '../../webhook/context/readyReservations.ts';
import { ActorClient } from './actorClient.ts';
import type { ApiBackend } from './apiBackend.ts';
import type { ApiFront, Outcome, Parked } from './apiFront.ts';
import { ApiUser } from './apiUser.ts';
import { Leader } from './leader.ts';
import { NodeAgent } from './nodeAgent.ts';
import { RestWatch } from './restWatch.ts';
import type { NodeName, Setting } from './setting.ts';
import { hostIndexPages, hostOf, leaseNamespace, networks, nodeNames, nodeOf } from './setting.ts';
import { VirtualTime } from './virtualTime.ts';
import { WebhookReplica } from './webhookReplica.ts';

export const replicaCount = 2;

/** A process that can be killed, and another one comes. */
export type ActorName = `webhook-${number}` | 'leader' | NodeName;

/** Answers and timers in a row, after which a history must be going round in circles. */
const mostSteps = 20_000;

/** How long the node controller waits for a silent node, ms (--node-monitor-grace-period of Kubernetes 1.20). */
const silentNodeMs = 40_000;

/** How often a kubelet renews its lease, ms (nodeLeaseDurationSeconds / 4). */
const beatMs = 10_000;

interface Where {
  front: ApiFront;
  server: string;
  backend: ApiBackend;
  setting: Setting;
}

/**
 * The whole system on two nodes, in one process: two webhook replicas, a leader and two agents, each with a client, a store and copies of
 * its own, before one API server whose answers, and a time whose passing, are the test's to decide.
 */
export class Site {
  readonly user: ApiUser;
  readonly time: VirtualTime;
  readonly replicas: WebhookReplica[] = [];
  readonly agents = new Map<NodeName, NodeAgent>();
  /** Nodes that are cut off from the API server. */
  readonly cut = new Set<NodeName>();
  readonly rests: RestWatch;
  /** What went wrong that must not. */
  readonly failures: string[] = [];
  readonly #where: Where;
  readonly #tasks = new Set<Promise<void>>();
  readonly #folder = mkdtempSync(join(tmpdir(), 'multi-nic-allocation-'));
  #ready: Partial<ReadyOptions>;
  #leader: Leader | undefined;
  /** How many processes have started: part of each one's name. */
  #started = 0;

  /** @param ready how many reservations the webhooks make before there are pods for them */
  constructor(where: Where, seed: number, ready: Partial<ReadyOptions>) {
    this.#where = where;
    this.#ready = ready;
    const { front, backend } = where;
    this.user = new ApiUser({ call: request => front.busy(backend.call(request)) });
    this.rests = new RestWatch(where.backend.log);
    this.time = new VirtualTime(Date.parse('2026-01-01T00:00:00Z'), seed);
  }

  get leader(): Leader {
    if (!this.#leader) throw new Error('there is no leader');
    return this.#leader;
  }

  /** Requests that wait for their answers, in the order in which they were sent. */
  get parked(): readonly Parked[] {
    return this.#where.front.parked;
  }

  /** Whether nothing that was begun is still under way. */
  get isIdle(): boolean {
    return this.#tasks.size === 0;
  }

  async start(): Promise<void> {
    this.#where.front.reset(this.#where.backend);
    this.time.install();
    for (const network of networks) {
      await this.user.create(multiNicNetworks, network);
      await this.user.setStatus(multiNicNetworks, network.metadata, network.status ?? {});
    }
    for (const page of hostIndexPages) await this.user.create(cidrs, page);
    for (const name of nodeNames) await this.addNode(name);
    setInterval(() => {
      for (const name of this.agents.keys())
        if (!this.cut.has(name)) this.begin('a beat', () => this.#beat(name), { isBackground: true });
    }, beatMs);
    for (let i = 0; i < replicaCount; i++) await this.restart(`webhook-${i}`);
    await this.restart('leader');
  }

  async stop(): Promise<void> {
    for (const actor of [...this.replicas, ...this.agents.values(), this.#leader]) await actor?.kill();
    this.time.uninstall();
    rmSync(this.#folder, { recursive: true });
  }

  /** A client of a process that the site does not know. */
  client(name: string): ActorClient {
    return new ActorClient(this.#where.server, `${name}.${++this.#started}`, this.#where.backend.log);
  }

  /** Kills the process where there is one, and starts it anew. */
  async restart(name: ActorName): Promise<void> {
    const { setting } = this.#where;
    const client = this.client(name);
    if (name === 'leader') {
      await this.#leader?.kill();
      this.#leader = new Leader(client, setting);
      await this.#served(this.#leader.start());
    } else if (isNode(name)) {
      await this.agents.get(name)?.kill();
      const busy = <T>(work: Promise<T>): Promise<T> => this.#where.front.busy(work);
      const folder = join(this.#folder, name);
      const agent = await busy(NodeAgent.open({ client, node: name, setting, folder, busy }));
      this.agents.set(name, agent);
      // One that is cut off cannot start; it goes on trying.
      if (this.cut.has(name)) this.begin('the start of an agent', () => agent.start(), { isBackground: true });
      else await this.#served(agent.start());
    } else {
      const i = Number(name.slice('webhook-'.length));
      await this.replicas[i]?.kill();
      const replica = new WebhookReplica(client, setting, this.#ready);
      this.replicas[i] = replica;
      await this.#served(replica.start());
    }
  }

  /** From here on replicas make nothing ready, so that each pod takes one record. */
  async restartPlain(): Promise<void> {
    this.#ready = { most: 0 };
    for (const i of this.replicas.keys()) await this.restart(`webhook-${i}`);
  }

  clientOf(name: ActorName): ActorClient | undefined {
    if (name === 'leader') return this.leader.client;
    return isNode(name) ? this.agents.get(name)?.client : this.replicas[Number(name.slice('webhook-'.length))]?.client;
  }

  /** The machine comes up and registers. */
  async addNode(name: NodeName): Promise<void> {
    await this.user.create(nodes, nodeOf(name));
    await this.#beat(name);
    if (!(await this.user.find(hostInterfaces, { name }))) await this.user.create(hostInterfaces, hostOf(name));
    await this.restart(name);
  }

  /** The machine is gone for good, and its Node object with it. */
  async removeNode(name: NodeName): Promise<void> {
    await this.agents.get(name)?.kill();
    this.agents.delete(name);
    this.cut.delete(name);
    rmSync(join(this.#folder, name), { recursive: true, force: true });
    await this.user.delete(nodes, { name });
  }

  /** The node is cut off; the node controller finds out later. */
  cutOff(name: NodeName): void {
    this.cut.add(name);
    setTimeout(() => {
      if (this.cut.has(name))
        this.begin('a node is not ready', () => this.user.setStatus(nodes, { name }, nodeOf(name, false).status ?? {}));
    }, silentNodeMs);
  }

  async heal(name: NodeName): Promise<void> {
    if (!this.cut.delete(name)) return;
    await this.user.setStatus(nodes, { name }, nodeOf(name).status ?? {});
  }

  /** Begins something that takes requests; what it throws is a failure. Its end may be waited for with settle(). */
  begin(what: string, work: () => Promise<void>, { isBackground = false } = {}): void {
    const task = work()
      .catch((error: unknown) => {
        this.failures.push(`${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      })
      .finally(() => this.#tasks.delete(task));
    if (!isBackground) this.#tasks.add(task);
  }

  /** Resolves when everybody waits. */
  quiet(): Promise<void> {
    return this.#where.front.quiet();
  }

  /** Ends one request. What comes from a node that is cut off never arrives. */
  async answer(request: Parked, outcome: Outcome, staleBy = 0): Promise<void> {
    const [actor = ''] = request.actor.split('.');
    await this.#where.front.answer(request, this.cut.has(actor as NodeName) ? 'lost' : outcome, staleBy);
    await this.quiet();
  }

  /** Answers what waits and lets time pass until all that was begun has ended. */
  async settle(): Promise<void> {
    for (let step = 0; ; step++) {
      await this.quiet();
      const [next] = this.parked;
      if (next) await this.answer(next, 'done');
      else if (this.isIdle) return;
      else if (!this.time.step(Infinity)) throw new Error('something waits for nothing that could come');
      if (step > mostSteps) throw new Error('the history does not come to rest');
    }
  }

  /** Lets time pass. @param isServed whether requests are answered meanwhile */
  async advance(ms: number, isServed: boolean): Promise<void> {
    const until = this.time.now + ms;
    for (let step = 0; ; step++) {
      await this.quiet();
      const next = isServed ? this.parked[0] : undefined;
      if (next) await this.answer(next, 'done');
      else if (!this.time.step(until)) break;
      if (step > mostSteps) throw new Error('the history does not come to rest');
    }
    this.time.moveTo(until);
  }

  /** The kubelet renews its node's lease. */
  async #beat(name: NodeName): Promise<void> {
    const ref = { namespace: leaseNamespace, name };
    const lease = await this.user.find(leases, ref);
    if (!lease) await this.user.create(leases, { metadata: ref, spec: {} });
    else await this.user.replace(leases, { ...lease, spec: { renewTime: microTime() } });
  }

  /** Answers requests until the promise is settled: nobody is served by a process that has not started. */
  async #served(start: Promise<void>): Promise<void> {
    let hasStarted = false;
    const started = start.then(() => {
      hasStarted = true;
    });
    const own = `.${this.#started}`;
    for (;;) {
      await this.quiet();
      if (hasStarted) return started;
      const next = this.parked.find(({ actor }) => actor.endsWith(own));
      if (next) await this.answer(next, 'done');
      else throw new Error('a process waits for something before it has started');
    }
  }
}

function isNode(name: string): name is NodeName {
  return (nodeNames as readonly string[]).includes(name);
}
