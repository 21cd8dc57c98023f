import type { Logger } from 'pino';
import { readAttachments } from '../../core/annotation/attachments.ts';
import { interfaceNames, readNetworks } from '../../core/annotation/networks.ts';
import { annotation } from '../../core/api/names.ts';
import { type ErrorCode, isMultiNicError } from '../../core/errors.ts';
import { indexOf } from '../../core/layout/interfaceIndex.ts';
import { membersOf } from '../../core/layout/members.ts';
import type { Network } from '../../core/network/network.ts';
import { type Claimant, holderOf } from '../../core/pool/holder.ts';
import { sleep } from '../../kube/api/deadline.ts';
import type { Pod } from '../../kube/api/resources.ts';
import { claimantOf } from '../../kube/grants/claimantOf.ts';
import { type AttachedNic, grantAgain } from '../../kube/grants/grantAgain.ts';
import type { PoolStore } from '../../kube/pools/poolStore.ts';
import type { Runnable } from '../../kube/process/lifecycle.ts';
import type { ClusterView, KnownNetwork } from '../../kube/view/clusterView.ts';
import { namespaceIdentity } from '../attach/namespaceIdentity.ts';
import type { Checkpoint } from '../checkpoint/checkpoint.ts';
import { type CheckpointEntry, entryKey } from '../checkpoint/entry.ts';
import { isEnding, type PodSource } from '../copies/podSource.ts';
import type { PoolRecords } from '../copies/poolRecords.ts';

export interface LostRecordsOptions {
  readonly checkpoint: Checkpoint;
  readonly pods: PodSource;
  readonly records: PoolRecords;
  readonly view: ClusterView;
  readonly store: PoolStore;
  readonly node: string;
  /** Nothing is left of the attachment any more. */
  readonly detached: (entry: CheckpointEntry) => void;
  readonly logger: Logger;
  /** Whether the attachment's sandbox is there. */
  readonly isThere?: (entry: CheckpointEntry) => boolean;
}

/** How often to look, ms; most looks take no request. */
const intervalMs = 10_000;
/** How often to look whether a network that was away has blocks, ms: as soon as it has, other pods are given addresses. This takes no request. */
const awaitingMs = 200;
/** How often the API server is asked for an attachment of a pod that it does not know, or whose record our copy does not have, ms. */
const doubtMs = 60_000;
/**
 * How often it is tried to write a record whose addresses another pod has, ms. That pod may have ended long ago, if the pool is an old one; its addresses then
 * rest for a minute, and go to a new pod after that.
 */
const takenMs = 30_000;
/** How often it is asked for others, whose pool we do not watch, ms: there may be 150,000. */
const calmMs = 3_600_000;
const timeoutMs = 10_000;

/** `hopeless`: the network has other addresses by now. */
type Outcome = 'recorded' | 'hopeless' | 'taken' | 'failed';

const outcomes: Partial<Record<ErrorCode, Outcome>> = { MNN_ADDRESS_TAKEN: 'taken', MNN_ADDRESS_OUTSIDE: 'hopeless' };

/** An attachment was looked for in a network's pools. */
interface Look {
  readonly networkUid: string;
  readonly at: number;
  readonly outcome: Outcome;
}

const neverLooked: Look = { networkUid: '', at: -Infinity, outcome: 'recorded' };

/**
 * Puts back records of attachments that are there, where the pools have lost them: somebody has edited a pool or restored an older one, etcd was
 * restored, or the network was deleted and created again. Others would get the addresses (decision 35).
 */
export class LostRecords implements Runnable {
  readonly name = 'lost records';
  readonly #options: LostRecordsOptions;
  readonly #isThere: (entry: CheckpointEntry) => boolean;
  #looks: Map<string, Look> | undefined;
  /** Attachments whose network is away, or has no blocks yet. */
  #awaiting: CheckpointEntry[] = [];

  constructor(options: LostRecordsOptions) {
    this.#options = options;
    this.#isThere = options.isThere ?? (({ netns, netnsId }) => namespaceIdentity(netns) === netnsId);
  }

  async start(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { pods, view } = this.#options;
      if (pods.informer.hasSynced && view.synced()) await this.sweep(signal);
      await this.#rest(signal);
    }
  }

  /** Until the next look is due. All others cost far more than those that are awaited, which may be for days. */
  async #rest(signal: AbortSignal): Promise<void> {
    const until = performance.now() + intervalMs;
    while (!signal.aborted && performance.now() < until) {
      await sleep(this.#awaiting.length > 0 ? awaitingMs : intervalMs, signal);
      if (this.#awaiting.some(entry => this.#withBlocks(entry))) return;
    }
  }

  /** Looks once. */
  async sweep(signal: AbortSignal): Promise<void> {
    const { checkpoint } = this.#options;
    const before = this.#looks;
    const looks = new Map<string, Look>();
    this.#looks = looks;
    this.#awaiting = [];
    for (const entry of [...checkpoint.list()].filter(needsRecord)) {
      if (signal.aborted) return;
      const key = entryKey(entry);
      const known = this.#withBlocks(entry);
      if (!known) this.#awaiting.push(entry);
      if (!known?.state.network.ownAddresses) {
        looks.set(key, before?.get(key) ?? neverLooked);
        continue;
      }
      const { network } = known.state;
      const now = { networkUid: network.uid, at: performance.now(), outcome: 'recorded' as const };
      // What this process has attached was in its page then.
      const isFresh = before !== undefined && !before.has(key) && network.nodeIndependent;
      const last = isFresh ? now : before?.get(key);
      if (this.#isDue(entry, network, last)) looks.set(key, { ...now, outcome: await this.#look(entry, known, last) });
      else if (last) looks.set(key, last);
    }
  }

  /** The attachment's network, if the node has the blocks of it that it needs, as far as is known here. */
  #withBlocks(entry: CheckpointEntry): KnownNetwork | undefined {
    const { view, node } = this.#options;
    const known = networkOf(view, entry);
    return known && hasBlocks(known, entry, view, node) ? known : undefined;
  }

  #isDue(entry: CheckpointEntry, network: Network, last: Look | undefined): boolean {
    const { pods, records } = this.#options;
    if (!network.nodeIndependent && records.known(network, attachmentOf(entry))) return false;
    if (last?.networkUid !== network.uid) return true;
    const isCalm = last.outcome === 'recorded' && network.nodeIndependent && pods.byUid(entry.pod.uid) !== undefined;
    const restMs = last.outcome === 'taken' ? takenMs : doubtMs;
    return performance.now() - last.at >= (isCalm || last.outcome === 'hopeless' ? calmMs : restMs);
  }

  async #look(entry: CheckpointEntry, known: KnownNetwork, last: Look | undefined): Promise<Outcome> {
    const { pods, store, logger } = this.#options;
    const pod = pods.byUid(entry.pod.uid);
    // Its addresses may have been released already.
    if (pod && isEnding(pod)) return 'recorded';
    const { pool = '', ifname } = entry;
    const claimant = pod ? claimantOf(pod, ifname) : attachmentOf(entry);
    try {
      const isThere = await store.find(pool, holderOf(claimant), { interfaceName: ifname, timeoutMs });
      if (!isThere) await this.#putBack(entry, known, pod, claimant);
      return 'recorded';
    } catch (error) {
      const outcome = (isMultiNicError(error) ? outcomes[error.code] : undefined) ?? 'failed';
      // Until somebody has ended one of two pods it stays so.
      const level = outcome === last?.outcome ? 'debug' : 'warn';
      logger[level]({ ...aboutOf(entry), err: error }, 'an attachment that is there has no record');
      return outcome;
    }
  }

  async #putBack(entry: CheckpointEntry, known: KnownNetwork, pod: Pod | undefined, claimant: Claimant): Promise<void> {
    const { store, view, node, checkpoint, detached, logger } = this.#options;
    if (!pod && (await this.#isEnding(entry))) return;
    if (!checkpoint.has(entry) || !this.#isThere(entry)) return;
    const state = view.nodeState(known, node);
    await grantAgain(store, known, { node: state, claimant, nics: nicsOf(entry, pod) }, { timeoutMs });
    logger.warn(aboutOf(entry), 'no pool had the addresses of an attachment that is there: recorded again');
    // Whoever detached it meanwhile found nothing to release.
    if (!checkpoint.has(entry)) detached(entry);
  }

  /** Of a pod that our copy does not have: one that has finished is not in it. */
  async #isEnding({ pod: { uid, namespace, name } }: CheckpointEntry): Promise<boolean> {
    const pod = await this.#options.pods.live({ namespace, name }, { timeoutMs });
    return pod?.metadata.uid === uid && isEnding(pod);
  }
}

function needsRecord({ state, pool }: CheckpointEntry): boolean {
  return state === 'done' && pool !== undefined;
}

/** For the log. */
function aboutOf({ pool, network, ifname, pod }: CheckpointEntry): object {
  return { pool, network, ifname, pod };
}

/** Undefined also where its specification cannot be read: its status says so. */
function networkOf(view: ClusterView, { network }: CheckpointEntry): KnownNetwork | undefined {
  try {
    return view.network(network);
  } catch (error) {
    if (isMultiNicError(error)) return undefined;
    throw error;
  }
}

/** Whether the node has an index, and each of the attachment's NICs: those of other hosts may have theirs seconds earlier. */
function hasBlocks({ state }: KnownNetwork, { links }: CheckpointEntry, view: ClusterView, node: string): boolean {
  const { network, interfaces } = state;
  if (!network.ownAddresses) return true;
  const host = view.host(node)?.spec;
  if (!host || !(network.nodeIndependent || view.hostIndexes(network.name).has(node))) return false;
  if (network.fromHosts) return true;
  const members = membersOf(network, host).filter(({ nic }) =>
    links.some(({ master }) => master === nic.interfaceName),
  );
  return interfaces.length > 0 && members.every(member => indexOf(interfaces, member) !== undefined);
}

function attachmentOf({ pod: { uid, namespace, name }, ifname }: CheckpointEntry): Claimant {
  return { podUID: uid, namespace, name, interface: ifname };
}

/** What the attachment has, and what was promised to its pod. */
function nicsOf({ links, ifname }: CheckpointEntry, pod: Pod | undefined): AttachedNic[] {
  const elements = readNetworks(pod?.metadata.annotations?.[annotation.networks] ?? '') ?? [];
  const element = elements[interfaceNames(elements).indexOf(ifname)];
  const granted = readAttachments(element?.['cni-args']) ?? [];
  return links.map(({ master = '', addresses }) => {
    const { promisedMbps } = granted.find(nic => nic.master === master) ?? {};
    return { master, addresses, ...(promisedMbps !== undefined && { promisedMbps }) };
  });
}
