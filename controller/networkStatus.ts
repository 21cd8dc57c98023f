import { component, extendedResourceName } from '../core/api/names.ts';
import type { Condition, MultiNicNetwork, MultiNicNetworkStatus } from '../core/api/types.ts';
import { capacityState, isBeingSetUp, type HostCapacity } from '../core/status/capacity.ts';
import { definitionsSummary, type DefinitionsState, type DevicesProblem } from '../core/status/definitions.ts';
import { hostsState } from '../core/status/hosts.ts';
import { networkStatus, sameButCounts, sameStatus, unusableStatus } from '../core/status/networkStatus.ts';
import { routeState } from '../core/status/routes.ts';
import type { Network } from '../core/network/network.ts';
import type { KnownNetwork } from '../kube/view/clusterView.ts';
import { isConflict, isNotFound } from '../kube/api/errors.ts';
import { multiNicNetworks } from '../kube/api/resources.ts';
import type { WorkResult } from '../kube/process/workQueue.ts';
import type { LeaderContext } from './leaderContext.ts';
import { hostIndexCount } from './plan/hostPages.ts';
import { planInterfaces } from './plan/interfaces.ts';
import { readableNetwork } from './readableNetwork.ts';

/** Where the parts of a status come from that the API server does not know. */
export interface StatusSources {
  definitions: (object: MultiNicNetwork) => DefinitionsState;
  devices: (network: Network) => DevicesProblem | undefined;
  /** Undefined while they are not known. */
  deviceResources: (network: Network) => readonly string[] | undefined;
  unassignedHosts: (network: string) => readonly string[];
}

/** Pods come and go all the time, and each agent is sent each status: of a network's counts all agents together get 50 a second. */
const countsMsPerAgent = 20;

/** How long after a conflict the copy is taken to be up to date again. */
const catchUpMs = 200;

/**
 * Writes the status of networks, the interface indexes with it. Every agent watches these objects, so what is of no hurry is written at
 * most once in `minIntervalMs`; new interface indexes, the answer to a changed spec and what new pods wait for go out at once.
 */
export class NetworkStatuses {
  readonly #context: LeaderContext;
  readonly #sources: StatusSources;
  readonly #minIntervalMs: number;
  readonly #written = new Map<string, number>();

  constructor(context: LeaderContext, sources: StatusSources, minIntervalMs: number) {
    this.#context = context;
    this.#sources = sources;
    this.#minIntervalMs = minIntervalMs;
  }

  /** Handles one network. */
  async reconcile(name: string, signal: AbortSignal): Promise<WorkResult> {
    const { informers, client } = this.#context;
    const object = informers.networks.get(name);
    if (object?.metadata.deletionTimestamp !== undefined || !object) {
      this.#written.delete(name);
      return {};
    }
    const status = this.#statusOf(object);
    if (sameStatus(object.status, status)) return {};
    const waitMs = isUrgent(object.status, status) ? 0 : this.#waitMs(name, object.status, status);
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    try {
      await client.updateStatus(
        multiNicNetworks,
        { ...object, status },
        { signal, fieldManager: component.controller },
      );
    } catch (error) {
      // The copy is behind: what it is behind of brings the key back; the delay is for a copy that catches up before.
      if (isConflict(error)) return { requeueAfterMs: catchUpMs };
      if (isNotFound(error)) return {};
      throw error;
    }
    this.#written.set(name, performance.now());
    this.#tell(object, status);
    return {};
  }

  #waitMs(name: string, stored: MultiNicNetworkStatus | undefined, next: MultiNicNetworkStatus): number {
    const last = this.#written.get(name);
    if (last === undefined) return 0;
    const watchers = next.discovery.existDaemon;
    const isOfCounts = stored !== undefined && sameButCounts(stored, next);
    const intervalMs = isOfCounts ? Math.max(this.#minIntervalMs, watchers * countsMsPerAgent) : this.#minIntervalMs;
    return last + intervalMs - performance.now();
  }

  #statusOf(object: MultiNicNetwork): MultiNicNetworkStatus {
    const { informers, view } = this.#context;
    const { name, generation = 0 } = object.metadata;
    const of = { stored: object.status, generation, now: new Date() };
    const read = readableNetwork(view, name);
    if (read.kind === 'usable') return this.#usable(read.known, of);
    const hosts = [...informers.hosts.list()];
    const withNics = hosts.filter(({ spec }) => spec.interfaces.length > 0).length;
    const finding = read.kind === 'unusable' ? read.finding : 'being deleted';
    return unusableStatus(finding, of, { hosts: hosts.length, withNics });
  }

  #usable({ object, state }: KnownNetwork, of: Parameters<typeof networkStatus>[1]): MultiNicNetworkStatus {
    const { surveys, view, informers } = this.#context;
    const { network } = state;
    const survey = surveys.survey(network);
    const { interfaces, unassigned } = planInterfaces(network, object.status?.interfaces ?? [], survey.positions);
    const indexes = view.hostIndexes(network.name);
    const hasIndex = (host: string): boolean => network.nodeIndependent || indexes.has(host);
    const hosts = hostsState(network, survey, {
      hasIndex,
      indexes: hostIndexCount(network),
      refused: this.#sources.unassignedHosts(network.name),
      unassigned,
    });
    const capacity = capacityState(
      network,
      survey.members.map(({ host: { metadata } }) => [
        metadata.name,
        this.#capacityOf(network, metadata.name, hasIndex),
      ]),
    );
    const stored = object.status?.conditions?.find(({ type }) => type === 'DefinitionsReady');
    const devices = this.#sources.devices(network);
    const definitions = definitionsSummary(
      { ...this.#sources.definitions(object), ...(devices && { devices }) },
      stored,
    );
    // A host without a Node has no agent that could report: it is one that a user described.
    const withAgent = survey.members.filter(({ host }) => informers.nodes.get(host.metadata.name) !== undefined);
    const routes = routeState(network, withAgent, view.networkNames(), hasIndex);
    const addresses = network.ownAddresses
      ? { addresses: this.#context.addresses.of(network.name, network.nodeIndependent) }
      : {};
    const facts = { survey, hosts, capacity, definitions, routes, interfaces, ...addresses };
    return networkStatus({ ...facts, ...this.#deviceResources(network, of.stored) }, of);
  }

  /** A new leader, or a policy that is gone for a while, takes nothing from pods that run. */
  #deviceResources(
    network: Network,
    stored: MultiNicNetworkStatus | undefined,
  ): Pick<MultiNicNetworkStatus, 'deviceResources'> {
    if (!network.handedOut) return {};
    const resources = this.#sources.deviceResources(network) ?? stored?.deviceResources;
    return resources ? { deviceResources: [...resources] } : {};
  }

  #capacityOf({ name }: Network, host: string, hasIndex: (host: string) => boolean): HostCapacity {
    const node = this.#context.informers.nodes.get(host);
    if (!node) return 'noNode';
    if (!hasIndex(host)) return 'noBlock';
    return node.status?.allocatable?.[extendedResourceName(name)] === undefined ? 'waiting' : 'published';
  }

  /** Events for conditions that turned: a Warning where one calls for somebody, and the moment of being ready. */
  #tell(object: MultiNicNetwork, status: MultiNicNetworkStatus): void {
    for (const condition of status.conditions ?? []) {
      const before = object.status?.conditions?.find(({ type }) => type === condition.type);
      if (before?.status === condition.status && before.reason === condition.reason) continue;
      const kind = eventKind(condition);
      if (kind)
        this.#context.events.record(object, kind, condition.reason, condition.message || 'the network is ready');
    }
  }
}

/** Reasons that do not pass by themselves. `Ready` repeats the reason of another condition, which has its own event. */
const alarming = new Set([
  ...['SpecUnusable', 'HostIndexesFull', 'InterfaceIndexesFull', 'NameTaken', 'RoutesFailed'],
  ...['NoDeviceResource', 'SriovObjectsMissing'],
]);

function eventKind({ type, status, reason }: Condition): 'Normal' | 'Warning' | undefined {
  if (type === 'Ready') return status === 'True' ? 'Normal' : reason === 'SpecUnusable' ? 'Warning' : undefined;
  return alarming.has(reason) && reason !== 'SpecUnusable' ? 'Warning' : undefined;
}

function isUrgent(stored: MultiNicNetworkStatus | undefined, next: MultiNicNetworkStatus): boolean {
  return (
    stored?.observedGeneration !== next.observedGeneration ||
    isBeingSetUp(stored) !== isBeingSetUp(next) ||
    stored?.deviceResources?.join() !== next.deviceResources?.join() ||
    JSON.stringify((stored?.interfaces ?? []).map(keyOf)) !== JSON.stringify((next.interfaces ?? []).map(keyOf))
  );
}

function keyOf({ index, netAddress, ordinal }: { index: number; netAddress: string; ordinal: number }): string {
  return `${index} ${netAddress} ${ordinal}`;
}
