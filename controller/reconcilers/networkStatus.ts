import { component, extendedResourceName } from '../../core/api/names.ts';
import type { InterfaceIndex, MultiNicNetwork, MultiNicNetworkStatus } from '../../core/api/types.ts';
import { positionKey } from '../../core/layout/interfaceIndex.ts';
import type { Network } from '../../core/network/network.ts';
import { capacityState, type HostCapacity, isBeingSetUp } from '../../core/status/capacity.ts';
import {
  type DefinitionsState,
  type DefinitionsSummary,
  definitionsSummary,
  type DevicesProblem,
} from '../../core/status/definitions.ts';
import { hostsState } from '../../core/status/hosts.ts';
import { mtuConditions } from '../../core/status/mtus.ts';
import {
  leavingStatus,
  networkStatus,
  sameButCounts,
  sameStatus,
  unusableStatus,
} from '../../core/status/networkStatus.ts';
import { type RouteState, routeState } from '../../core/status/routes.ts';
import { hostsApart, loneNics, type Survey } from '../../core/status/survey.ts';
import { isConflict, isInvalid, isNotFound } from '../../kube/api/errors.ts';
import { multiNicNetworks } from '../../kube/api/resources.ts';
import type { WorkResult } from '../../kube/process/workQueue.ts';
import type { KnownNetwork } from '../../kube/view/clusterView.ts';
import type { LeaderContext } from '../context/leaderContext.ts';
import { type Readable, readableNetwork } from '../context/readableNetwork.ts';
import type { ControllerTimes } from '../controllerOptions.ts';
import { hostIndexCount } from '../plan/hostPages.ts';
import { planInterfaces } from '../plan/interfaces.ts';
import type { HeldLayouts } from './heldLayouts.ts';
import { InterfaceReuse, noReuse, type Reuse } from './interfaceReuse.ts';
import { tellConditions, tellReuse } from './networkEvents.ts';
import { putBackInPages } from './putBackInPages.ts';

/** The sources of those parts of a status that the API server does not know. */
export interface StatusSources {
  definitions: (object: MultiNicNetwork) => DefinitionsState;
  devices: (network: Network) => DevicesProblem | undefined;
  /** Undefined while they are not known. */
  deviceResources: (network: Network) => readonly string[] | undefined;
  unassignedHosts: (network: string) => readonly string[];
  /** How many attachments fit on a node; undefined while that is not known. */
  nodeCapacity: (known: KnownNetwork, node: string) => number | undefined;
}

/** Interface indexes that are given, and which of them can be given to others. */
type Indexes = Reuse & { readonly given: readonly InterfaceIndex[] };

type StatusTimes = Pick<ControllerTimes, 'statusIntervalMs' | 'interfaceAbsenceMs'>;

/** Pods come and go all the time, and each agent is sent each status: all agents together are sent a network's counts at most 50 times a second. */
const countsMsPerAgent = 20;

/** How long after a conflict the copy is taken to be up to date again. */
const catchUpMs = 200;

/**
 * Writes the status of networks, the interface indexes with it. Every agent watches these objects, so what is not urgent is written at
 * most once in `minIntervalMs`; new interface indexes, the answer to a changed spec and what new pods wait for are written at once.
 */
export class NetworkStatuses {
  readonly #context: LeaderContext;
  readonly #sources: StatusSources;
  readonly #layouts: HeldLayouts;
  readonly #minIntervalMs: number;
  readonly #reuse: InterfaceReuse;
  readonly #written = new Map<string, number>();

  constructor(context: LeaderContext, sources: StatusSources, layouts: HeldLayouts, times: StatusTimes) {
    this.#context = context;
    this.#sources = sources;
    this.#layouts = layouts;
    this.#minIntervalMs = times.statusIntervalMs;
    this.#reuse = new InterfaceReuse(context, times.interfaceAbsenceMs);
  }

  /** Handles one network. */
  async reconcile(name: string, signal: AbortSignal): Promise<WorkResult> {
    const object = this.#context.informers.networks.get(name);
    if (object?.metadata.deletionTimestamp !== undefined || !object) {
      this.#written.delete(name);
      this.#reuse.forget(name);
      return object ? this.#leave(object, signal) : {};
    }
    const read = readableNetwork(this.#context.view, name);
    const reuse = read.kind === 'usable' ? await this.#reuse.find(read.known, signal) : noReuse;
    const given = read.kind === 'usable' ? await this.#given(read.known, signal) : [];
    const status = this.#statusOf(object, read, { ...reuse, given });
    const later = reuse.againMs === undefined ? {} : { requeueAfterMs: reuse.againMs };
    if (sameStatus(object.status, status)) return later;
    const waitMs = isUrgent(object.status, status) ? 0 : this.#waitMs(name, object.status, status);
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    const refused = await this.#write(object, status, signal);
    if (refused) return refused;
    this.#written.set(name, performance.now());
    tellConditions(this.#context, object, status);
    tellReuse(this.#context, { object, status, free: reuse.free });
    return later;
  }

  async #leave(object: MultiNicNetwork, signal: AbortSignal): Promise<WorkResult> {
    const { generation = 0, finalizers = [] } = object.metadata;
    const status = leavingStatus(finalizers, {
      stored: object.status,
      generation,
      now: this.#context.client.serverTime,
    });
    if (!status || sameStatus(object.status, status)) return {};
    return (await this.#write(object, status, signal)) ?? {};
  }

  /** @returns undefined once it is written, else what is left to do */
  async #write(
    object: MultiNicNetwork,
    status: MultiNicNetworkStatus,
    signal: AbortSignal,
  ): Promise<WorkResult | undefined> {
    const { client, events } = this.#context;
    try {
      await client.updateStatus(
        multiNicNetworks,
        { ...object, status },
        { signal, fieldManager: component.controller },
      );
      return undefined;
    } catch (error) {
      // The copy lags: the missing change will bring the key back; the delay is for a copy that catches up earlier.
      if (isConflict(error)) return { requeueAfterMs: catchUpMs };
      if (isNotFound(error)) return {};
      // It was stored when the schema was another, and before 1.30 the API server takes no change of such an object.
      if (isInvalid(error)) events.record(object, 'Warning', 'StatusRefused', error.message);
      throw error;
    }
  }

  /**
   * Interface indexes that are given already: those of the status, or where that has none, those under which pods have addresses all the same. Without them
   * nobody takes addresses that depend on no host, so what pods have of these is put back before.
   */
  async #given({ object, state: { network } }: KnownNetwork, signal: AbortSignal): Promise<readonly InterfaceIndex[]> {
    const stored = object.status?.interfaces ?? [];
    const isNew = stored.length === 0 && network.ownAddresses && (!network.fromHosts || network.nodeIndependent);
    if (!isNew || this.#context.surveys.survey(network).positions.length === 0) return stored;
    const layout = await this.#layouts.of(network, signal);
    const interfaces = network.fromHosts ? [] : layout.interfaces();
    const records = [...layout.records.values()].flat();
    if (network.nodeIndependent) await putBackInPages(this.#context, { network, interfaces }, records);
    return interfaces;
  }

  #waitMs(name: string, stored: MultiNicNetworkStatus | undefined, next: MultiNicNetworkStatus): number {
    const last = this.#written.get(name);
    if (last === undefined) return 0;
    const watchers = next.discovery.existDaemon;
    const isOfCounts = stored !== undefined && sameButCounts(stored, next);
    const intervalMs = isOfCounts ? Math.max(this.#minIntervalMs, watchers * countsMsPerAgent) : this.#minIntervalMs;
    return last + intervalMs - performance.now();
  }

  #statusOf(object: MultiNicNetwork, read: Readable, indexes: Indexes): MultiNicNetworkStatus {
    const { informers } = this.#context;
    const { generation = 0 } = object.metadata;
    const of = { stored: object.status, generation, now: this.#context.client.serverTime };
    if (read.kind === 'usable') return this.#usable(read.known, indexes, of);
    const hosts = [...informers.hosts.list()];
    const withNics = hosts.filter(({ spec }) => spec.interfaces.length > 0).length;
    const finding = read.kind === 'unusable' ? read.finding : 'being deleted';
    return unusableStatus(finding, of, { hosts: hosts.length, withNics });
  }

  #usable(
    { object, state }: KnownNetwork,
    { given, free, kept }: Indexes,
    of: Parameters<typeof networkStatus>[1],
  ): MultiNicNetworkStatus {
    const { surveys, view } = this.#context;
    const { network } = state;
    const survey = surveys.survey(network);
    const { interfaces, unassigned } = planInterfaces({
      network,
      stored: given,
      positions: survey.positions,
      now: of.now,
      free,
    });
    const indexes = view.hostIndexes(network.name);
    const hasIndex = (host: string): boolean => network.nodeIndependent || indexes.has(host);
    const hosts = hostsState(network, survey, {
      hasIndex,
      indexes: hostIndexCount(network),
      refused: this.#sources.unassignedHosts(network.name),
      unassigned,
      keptIndexes: kept,
    });
    const capacity = capacityState(
      network,
      survey.members.map(({ host: { metadata } }) => [
        metadata.name,
        this.#capacityOf({ object, state }, metadata.name, hasIndex),
      ]),
    );
    const facts = {
      ...{ survey, hosts, capacity, interfaces },
      definitions: this.#definitions(object, network),
      routes: this.#routes(network, survey, hasIndex),
      notes: mtuConditions(network, survey, object.status?.conditions ?? []),
      ...(network.ownAddresses && { addresses: this.#context.addresses.of(network) }),
      ...this.#deviceResources(network, of.stored),
    };
    return networkStatus(facts, of);
  }

  #definitions(object: MultiNicNetwork, network: Network): DefinitionsSummary {
    const stored = object.status?.conditions?.find(({ type }) => type === 'DefinitionsReady');
    const devices = this.#sources.devices(network);
    return definitionsSummary({ ...this.#sources.definitions(object), ...(devices && { devices }) }, stored);
  }

  #routes(network: Network, survey: Survey, hasBlock: (host: string) => boolean): RouteState {
    const { informers } = this.#context;
    // A host without a Node, described by a user, has no agent that could report.
    const withAgent = survey.members.filter(({ host }) => informers.nodes.get(host.metadata.name) !== undefined);
    const apart = new Map(network.subnets.map(({ family }) => [family, hostsApart(survey, family)]));
    return routeState(network, withAgent, { hasBlock, apart, lone: loneNics(survey) });
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

  #capacityOf(known: KnownNetwork, host: string, hasIndex: (host: string) => boolean): HostCapacity {
    const node = this.#context.informers.nodes.get(host);
    if (!node) return 'noNode';
    if (!hasIndex(host)) return 'noBlock';
    const resource = extendedResourceName(known.state.network.name);
    if (node.status?.allocatable?.[resource] !== undefined) return 'published';
    // A node whose links are all down has none of the resource, which is what there is to publish.
    return this.#sources.nodeCapacity(known, host) === 0 ? 'published' : 'waiting';
  }
}

function isUrgent(stored: MultiNicNetworkStatus | undefined, next: MultiNicNetworkStatus): boolean {
  return (
    stored?.observedGeneration !== next.observedGeneration ||
    isBeingSetUp(stored) !== isBeingSetUp(next) ||
    stored?.deviceResources?.join() !== next.deviceResources?.join() ||
    JSON.stringify((stored?.interfaces ?? []).map(keyOf)) !== JSON.stringify((next.interfaces ?? []).map(keyOf))
  );
}

function keyOf(entry: InterfaceIndex): string {
  return `${entry.index} ${positionKey(entry)}`;
}
