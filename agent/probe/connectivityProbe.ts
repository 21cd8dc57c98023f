import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { sleep } from '../../kube/api/deadline.ts';
import type { Runnable } from '../../kube/process/lifecycle.ts';
import { SingleWork } from '../../kube/process/singleWork.ts';
import type { WorkQueueObserver } from '../../kube/process/workQueue.ts';
import type { EventRecorder } from '../../kube/report/events.ts';
import type { ClusterView } from '../../kube/view/clusterView.ts';
import type { ConditionState, HostInterfaceWriter } from '../discovery/hostInterfaceWriter.ts';
import { mainTable } from '../netlink/constants.ts';
import type { Netlink } from '../netlink/netlink.ts';
import type { askPeers } from './askPeers.ts';
import { type Peer, type ProbedNic, probedNics } from './peers.ts';
import { reachedBy } from './railPeers.ts';
import {
  afterRound,
  nextPeers,
  noAnswer,
  peersCondition,
  probeOff,
  type Reachability,
  unknown,
} from './reachability.ts';

/** The result of one round for one NIC. */
export interface NicRound {
  readonly probed: ProbedNic;
  readonly requests: number;
  /** Seconds from a request to its answer, for each that was answered. */
  readonly roundTrips: readonly number[];
  readonly state: Reachability;
}

export interface ConnectivityProbeOptions {
  readonly netlink: Netlink;
  readonly view: ClusterView;
  readonly writer: HostInterfaceWriter;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly node: string;
  /** From one round to the next; 0: the probe is off. */
  readonly intervalMs: number;
  readonly logger: Logger;
  readonly observer?: WorkQueueObserver;
  /** Told of all NICs after every round. */
  readonly answered?: (round: readonly NicRound[]) => void;
}

type AskPeers = typeof askPeers;

interface Asked {
  readonly probed: ProbedNic;
  readonly device: number;
  readonly peers: readonly Peer[];
}

const longestWaitMs = 2_000;
/** The writes of all hosts are spread over this many ms per host of the cluster: four minutes with 5,000. */
const spreadMs = 50;
const notReadyMs = 500;
const resyncMs = 5 * 60_000;

/**
 * Sends, over each NIC that networks use, ICMP echo requests to the same NIC of a few other hosts, and reports in the HostInterface which NICs get
 * no answer: a NIC that is cabled wrongly, in another VLAN, filtered or dead may have its link up all the same. Nothing else depends on it.
 */
export class ConnectivityProbe implements Runnable {
  readonly name = 'connectivity probe';
  readonly #options: ConnectivityProbeOptions;
  readonly #writing: SingleWork;
  #condition: ConditionState | undefined;
  #known: ReadonlyMap<string, Reachability> = new Map();

  constructor(options: ConnectivityProbeOptions) {
    this.#options = options;
    const { logger, observer } = options;
    this.#writing = new SingleWork({ name: this.name, logger, observer, handler: signal => this.#write(signal) });
  }

  async start(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#writing.start(signal), this.#probe(signal)]);
  }

  async #probe(signal: AbortSignal): Promise<void> {
    const { intervalMs, logger } = this.#options;
    const ask = await this.#loadAsking();
    if (!ask) return;
    // Agents that start together do not ask together.
    await sleep(Math.random() * intervalMs, signal);
    while (!signal.aborted) {
      const isReady = this.#isReady();
      try {
        if (isReady) await this.#round(ask, signal);
      } catch (error) {
        logger.warn({ err: error }, 'a round of the connectivity probe failed');
      }
      await sleep(isReady ? intervalMs * (0.9 + 0.2 * Math.random()) : notReadyMs, signal);
    }
  }

  #isReady(): boolean {
    const { view, node } = this.#options;
    return view.synced() && view.host(node) !== undefined;
  }

  async #write(signal: AbortSignal): Promise<{ requeueAfterMs: number }> {
    if (!this.#isReady()) return { requeueAfterMs: notReadyMs };
    const waitMs = this.#condition && (await this.#options.writer.writeConditions([this.#condition], signal));
    return { requeueAfterMs: waitMs ?? resyncMs };
  }

  /** Undefined if it is off. */
  async #loadAsking(): Promise<AskPeers | undefined> {
    const { intervalMs, netlink, logger } = this.#options;
    if (intervalMs > 0) {
      if (netlink.backend === 'koffi') return (await import('./askPeers.ts')).askPeers;
      logger.warn('the connectivity probe is off: it needs koffi');
    }
    this.#condition = probeOff;
    this.#writing.trigger();
    return undefined;
  }

  async #round(ask: AskPeers, signal: AbortSignal): Promise<void> {
    const { intervalMs, answered } = this.#options;
    const asked = await this.#choose();
    const questions = asked.flatMap(({ device, peers }) => peers.map(({ address }) => ({ device, address })));
    const waitMs = Math.min(longestWaitMs, intervalMs / 2);
    const answers = await ask(questions, waitMs, signal);
    if (signal.aborted) return;
    const round = asked.map(({ probed, peers }): NicRound => {
      const roundTrips = answers.splice(0, peers.length).filter(seconds => seconds !== undefined);
      const hosts = peers.map(({ host }) => host);
      const state = afterRound(this.#stateOf(probed), hosts, roundTrips.length);
      return { probed, requests: peers.length, roundTrips, state };
    });
    for (const { probed, state } of round) this.#tell(probed, this.#stateOf(probed), state);
    this.#known = new Map(round.map(({ probed, state }) => [keyOf(probed), state]));
    answered?.(round);
    const condition = peersCondition(round);
    if (condition && !isDeepStrictEqual(condition, this.#condition)) this.#say(condition);
  }

  /** Each host reports at a time of its own: if a whole fabric fails, all have something to report, and every report goes to all agents. */
  #say(condition: ConditionState): void {
    this.#condition = condition;
    this.#writing.trigger(Math.random() * spreadMs * Array.from(this.#options.view.hosts()).length);
  }

  /** The NICs that are on the host now with their links up, and whom each asks. */
  async #choose(): Promise<Asked[]> {
    const { view, node, netlink } = this.#options;
    const self = view.host(node);
    if (!self) return [];
    const links = await netlink.one(null, { op: 'link.list' });
    const usable = new Map(links.filter(link => link.up && link.lowerUp).map(({ name, index }) => [name, index]));
    const networks = view.networks().map(({ state }) => state.network);
    const nics = probedNics(networks, self, view.hosts());
    const needsRoutes = nics.some(({ behindRouter }) => behindRouter);
    const routes = needsRoutes ? await netlink.one(null, { op: 'route.list', table: mainTable }) : [];
    return nics.flatMap(nic => {
      const device = usable.get(nic.nic);
      const probed = device === undefined ? undefined : reachedBy(nic, device, routes);
      return device === undefined || probed === undefined
        ? []
        : [{ probed, device, peers: nextPeers(probed, this.#stateOf(probed)) }];
    });
  }

  #stateOf(probed: ProbedNic): Reachability {
    return this.#known.get(keyOf(probed)) ?? unknown;
  }

  /** Logs that a NIC has become unreachable, or is reached again. */
  #tell(probed: ProbedNic, before: Reachability, state: Reachability): void {
    const { view, node, events, logger } = this.#options;
    const { nic, subnet } = probed;
    const self = view.host(node);
    if (!self || before.reachable === state.reachable) return;
    if (state.reachable === false) {
      const message = noAnswer(probed, state);
      events.record(self, 'Warning', 'PeersUnreachable', message);
      logger.warn({ nic, subnet, silent: state.silent }, 'no other host answers over this NIC');
    } else if (before.reachable === false) {
      events.record(self, 'Normal', 'PeersReachable', `${nic} gets answers in ${subnet} again`);
      logger.info({ nic, subnet }, 'other hosts answer over this NIC again');
    }
  }
}

function keyOf({ nic, subnet }: ProbedNic): string {
  return `${nic} ${subnet}`;
}
