import { component, label } from '../../core/api/names.ts';
import { networkOwner } from '../../core/api/owner.ts';
import type { Cidr, MultiNicNetwork } from '../../core/api/types.ts';
import { auditedPool } from '../../core/audit/readPool.ts';
import { newPage } from '../../core/layout/cidrPage.ts';
import { hostIndexes, type HostPage } from '../../core/layout/hostIndex.ts';
import type { Network } from '../../core/network/network.ts';
import type { DeleteOptions } from '../../kube/api/clientOptions.ts';
import { isLostRace, isNotFound } from '../../kube/api/errors.ts';
import { cidrs, hostInterfaces, ipPools, nodes } from '../../kube/api/resources.ts';
import { nodePool } from '../../kube/grants/nodeGrant.ts';
import { eachOf } from '../../kube/process/eachOf.ts';
import { FirstSeen } from '../../kube/process/firstSeen.ts';
import type { WorkResult } from '../../kube/process/workQueue.ts';
import type { KnownNetwork } from '../../kube/view/clusterView.ts';
import type { LeaderContext } from '../context/leaderContext.ts';
import { readableNetwork } from '../context/readableNetwork.ts';
import { heldIndex } from '../plan/heldIndex.ts';
import { type HostPagesPlan, planHostPages } from '../plan/hostPages.ts';
import { planInterfaces } from '../plan/interfaces.ts';
import type { HeldLayouts } from './heldLayouts.ts';
import { putBackRecords } from './putBackRecords.ts';

/** Attempts when other writers are in between, before the queue's back-off takes over. */
const attempts = 5;

/** Asked about at the same time: where hundreds of nodes go at once, new ones wait for their blocks meanwhile. */
const hostsAtOnce = 8;

/**
 * Gives every host of a network its index, in the CIDR pages. Decisions are made on the pages as they are stored at that moment, and each
 * page is written on condition that nobody changed it since, so a leader of yesterday cannot give an index twice.
 */
export class HostBlocks {
  readonly #context: LeaderContext;
  readonly #layouts: HeldLayouts;
  readonly #restMs: number;
  /** Hosts for which no index was left, by network. */
  readonly #unassigned = new Map<string, readonly string[]>();
  /** Hosts that are gone and still have their index, by network. */
  readonly #absent = new Map<string, FirstSeen>();
  /** UIDs of networks that had no page, until all of theirs are written: the first may be there, and the second refused. */
  readonly #beginning = new Set<string>();

  /** @param restMs how long nobody else gets the index of a host that is gone, ms (decision 34) */
  constructor(context: LeaderContext, layouts: HeldLayouts, restMs: number) {
    this.#context = context;
    this.#layouts = layouts;
    this.#restMs = restMs;
  }

  /** Hosts of the network for which no index was left when indexes were last given. */
  unassigned(network: string): readonly string[] {
    return this.#unassigned.get(network) ?? [];
  }

  /** Handles one network. The pages of one that is gone go with it, by their owner reference. */
  async reconcile(name: string, signal: AbortSignal): Promise<WorkResult> {
    for (let attempt = 1; ; attempt++) {
      const read = readableNetwork(this.#context.view, name);
      if (read.kind === 'gone') for (const known of [this.#unassigned, this.#absent]) known.delete(name);
      if (read.kind !== 'usable') return {};
      try {
        return await this.#allocate(read.known, signal);
      } catch (error) {
        if (!(isLostRace(error) || isNotFound(error)) || attempt === attempts) throw error;
      }
    }
  }

  async #allocate(known: KnownNetwork, signal: AbortSignal): Promise<WorkResult> {
    const { informers } = this.#context;
    const { object, state } = known;
    const { network } = state;
    const cached = [...informers.cidrs.list()].filter(({ spec }) => spec.network === network.name);
    const { plan, hasRested, result } = this.#planResting(known, cached);
    this.#unassigned.set(network.name, plan.unassigned);
    if (plan.changed.length === 0 && cached.every(page => isOwned(page, object))) return result;
    const stored = await this.#readPages(object, signal);
    const gone = await this.#confirmGone(this.#plan(known, stored, hasRested).gone, signal);
    const held = await this.#readHeld(network, stored, signal);
    const decided = this.#plan(known, stored, host => gone.has(host), held);
    if (stored.length === 0 && decided.changed.length > 0) await this.#putBack(known, held, signal);
    await this.#write(object, stored, decided.changed, signal);
    this.#beginning.delete(network.uid);
    this.#unassigned.set(network.name, decided.unassigned);
    this.#context.logger.info(
      { network: network.name, pages: decided.changed.length, freed: decided.gone, full: decided.unassigned.length },
      'host indexes written',
    );
    return result;
  }

  /**
   * The plan as of the copies. Hosts that are gone keep their index for a while, so that whoever still knows them by it, from a copy that lags
   * behind, gives nobody addresses that are another host's; but not where others wait for one.
   */
  #planResting(known: KnownNetwork, cached: readonly Cidr[]) {
    const { name } = known.state.network;
    const seen = this.#absent.get(name) ?? new FirstSeen();
    this.#absent.set(name, seen);
    const absent = new Set<string>();
    let requeueAfterMs = Infinity;
    const hasRested = (host: string): boolean => {
      absent.add(host);
      const leftMs = this.#restMs - seen.ageMs(host);
      if (leftMs > 0) requeueAfterMs = Math.min(requeueAfterMs, leftMs);
      return leftMs <= 0;
    };
    const plan = this.#plan(known, cached, hasRested);
    seen.keep(absent);
    if (plan.unassigned.length > 0) {
      const all = (): boolean => true;
      return { plan: this.#plan(known, cached, all), hasRested: all, result: {} };
    }
    return { plan, hasRested, result: Number.isFinite(requeueAfterMs) ? { requeueAfterMs } : {} };
  }

  /**
   * @param isGone asked about hosts that neither copy knows any more; as long as it says no, they keep their index
   * @param held see {@link HostPagesInput}
   */
  #plan(
    { object, state: { network } }: KnownNetwork,
    pages: readonly Cidr[],
    isGone: (host: string) => boolean,
    held?: ReadonlyMap<string, number>,
  ): HostPagesPlan {
    const { surveys, client } = this.#context;
    const { members, positions } = surveys.survey(network);
    const stored = object.status?.interfaces ?? [];
    return planHostPages({
      network,
      interfaces: planInterfaces({ network, stored, positions, now: client.serverTime }).interfaces,
      pages: pages.map(({ spec }) => spec),
      members: members.map(({ host }) => host.metadata.name),
      exists: host => this.#isKnown(host) || !isGone(host),
      held,
    });
  }

  /**
   * The index under which pods hold addresses on each host that no page has: somebody has deleted the page, and with another index other
   * hosts' pods would get their addresses. The copies of pools have counts alone. Where there was no page at all, pools may be lost, too.
   */
  async #readHeld(network: Network, pages: readonly Cidr[], signal: AbortSignal): Promise<Map<string, number>> {
    const { client, informers } = this.#context;
    const indexes = hostIndexes(pages.map(({ spec }) => spec));
    const held = new Map<string, number>();
    for (const { metadata, spec, status } of [...informers.pools.list()]) {
      const { hostName = '' } = spec;
      if (spec.network !== network.name || !status?.used || !this.#isKnown(hostName) || indexes.has(hostName)) continue;
      const pool = await client.find(ipPools, metadata, { signal });
      const index = pool && heldIndex(network, auditedPool(pool).allocations);
      if (index !== undefined) held.set(hostName, index);
    }
    if (pages.length === 0) this.#beginning.add(network.uid);
    if (!this.#beginning.has(network.uid)) return held;
    const { hosts } = await this.#layouts.of(network, signal);
    for (const [host, index] of hosts) if (!held.has(host) && this.#isKnown(host)) held.set(host, index);
    return held;
  }

  /** Whether a copy has the host's HostInterface or its Node. */
  #isKnown(host: string): boolean {
    const { hosts, nodes } = this.#context.informers;
    return hosts.get(host) !== undefined || nodes.get(host) !== undefined;
  }

  /** Before a page tells anybody where to take addresses. @param held the index of each host under which its pods have addresses */
  async #putBack(
    { object, state: { network } }: KnownNetwork,
    held: ReadonlyMap<string, number>,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, view } = this.#context;
    const layout = await this.#layouts.of(network, signal);
    const known = { object, state: { network, interfaces: layout.interfaces() } };
    const pools = [...layout.records].flatMap(([name, records]) => {
      const hostIndex = held.get(name);
      if (hostIndex === undefined || hostIndex !== layout.hosts.get(name)) return [];
      return [[nodePool(known, { ...view.nodeState(known, name), hostIndex }), records] as const];
    });
    await putBackRecords(client, pools, signal);
  }

  /** The network's pages as stored. Those of a deleted network of the same name are removed first: they are about to be collected. */
  async #readPages(object: MultiNicNetwork, signal: AbortSignal): Promise<Cidr[]> {
    const { client } = this.#context;
    const { items } = await client.list(cidrs, {
      labelSelector: `${label.network}=${object.metadata.name}`,
      signal,
    });
    for (const page of items) {
      if (!isOwned(page, object)) await client.delete(cidrs, page.metadata, { signal, preconditions: asSeen(page) });
    }
    return items.filter(page => isOwned(page, object)).sort((a, b) => a.spec.page - b.spec.page);
  }

  /** Those of which the API server itself confirms that neither Node nor HostInterface exists. */
  async #confirmGone(hosts: readonly string[], signal: AbortSignal): Promise<Set<string>> {
    const { client } = this.#context;
    const gone = new Set<string>();
    await eachOf(hosts, hostsAtOnce, async name => {
      const found =
        (await client.find(nodes, { name }, { signal })) ?? (await client.find(hostInterfaces, { name }, { signal }));
      if (!found) gone.add(name);
    });
    return gone;
  }

  async #write(
    object: MultiNicNetwork,
    stored: readonly Cidr[],
    changed: readonly HostPage[],
    signal: AbortSignal,
  ): Promise<void> {
    const { client } = this.#context;
    const options = { signal, fieldManager: component.controller };
    for (const { page, hosts } of changed) {
      const before = stored.find(({ spec }) => spec.page === page);
      const spec = { network: object.metadata.name, page, hosts };
      if (!before) await client.create(cidrs, newPage(object, spec), options);
      else if (hosts.length === 0)
        await client.delete(cidrs, before.metadata, { signal, preconditions: asSeen(before) });
      else await client.update(cidrs, { ...before, spec }, options);
    }
  }
}

function isOwned(page: Cidr, { metadata }: MultiNicNetwork): boolean {
  return networkOwner(page.metadata)?.uid === metadata.uid;
}

/** Preconditions of a delete: the page has not changed since. */
function asSeen({ metadata: { uid, resourceVersion } }: Cidr): NonNullable<DeleteOptions['preconditions']> {
  return { uid, resourceVersion };
}
