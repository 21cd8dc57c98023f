import type { Allocation } from '../../core/api/types.ts';
import type { KubeClient } from '../../kube/api/client.ts';
import { isReady, readyCondition } from '../../kube/api/readiness.ts';
import { leases, type Node, nodes, type Pod, pods } from '../../kube/api/resources.ts';
import { FirstSeen } from '../../kube/process/firstSeen.ts';
import { findByUid } from '../../kube/watch/findByUid.ts';
import type { Informer } from '../../kube/watch/informer.ts';
import { fateOf, isFailing, isFinished, mayRun, type PodFate } from './injectedPods.ts';

/** How long a pod that is gone, and whose node nobody remembers, may still run on a node that has been cut off. */
const unknownNodeMs = 10 * 60_000;

/** The namespace in which every kubelet renews a lease of its node's name every ten seconds (KEP-589). */
const nodeLeases = 'kube-node-lease';

/** Beyond a pod's grace period: for the kubelet to hear that the pod is gone, and for the runtime to end what is left. */
const endingMarginMs = 10_000;

/** How long a pod may take to end if nobody knows its grace period (the API server's default). */
const defaultGraceMs = 30_000;

/** A pod that is gone, or that failed while its containers may run. Times are of the monotonic clock. */
interface Gone extends Partial<PodFate> {
  foundAt: number;
  /** It was not being deleted when it was last seen. The watch selects by label, which is all that the pod may have lost. */
  isDoubtful?: boolean;
  /** Its node's lease, read after the pod was found gone, and as it was seen last. */
  beat?: string;
  /** When it was first seen to have been renewed: the kubelet was heard after the pod was gone. */
  heardAt?: number;
  /** When it was last seen to have been renewed. */
  heardLastAt?: number;
}

interface Beat {
  askedAt: number;
  /** Of the node's lease; undefined where there is none. */
  version: Promise<string | undefined>;
}

/**
 * How often the API server is asked for a pod that no watch tells of, as it lacks our label: admission did not decide it. There may be thousands, and a
 * sweep each time that any pod ends.
 */
const unwatchedMs = 60_000;

/** How long what is known of a deleted pod is kept if no record of it is seen: the copy of its pool may lag. */
const rememberedMs = 60_000;

/**
 * Tells which pods can no longer be using their addresses. A pod is gone when it was seen and no longer exists, or when the API server knows none
 * of its name and UID. Even then its containers may run on a node that is cut off, and that looks ready for most of a minute: unless the kubelet
 * had reported their end, it must have been heard after the pod was gone, and have had time to end them; or the node must be gone, too.
 */
export class PodFates {
  readonly #client: KubeClient;
  readonly #nodes: Informer<Node>;
  readonly #podOf: (uid: string) => Pod | undefined;
  readonly #graceMs: number;
  readonly #askAgainMs: number;
  readonly #seen = new FirstSeen();
  /** When the API server last said that the pod is there, by UID. */
  #thereAt = new Map<string, number>();
  /** By UID. */
  #gone = new Map<string, Gone>();
  /** By node. */
  readonly #beats = new Map<string, Beat>();

  /** @param graceMs how long a record is left alone if its pod was never seen: records are written before their pods */
  constructor(
    client: KubeClient,
    nodeInformer: Informer<Node>,
    podInformer: Informer<Pod>,
    graceMs: number,
    askAgainMs = unwatchedMs,
  ) {
    this.#client = client;
    this.#askAgainMs = askAgainMs;
    this.#nodes = nodeInformer;
    this.#podOf = findByUid(podInformer);
    this.#graceMs = graceMs;
    podInformer.addHandlers({
      deleted: pod => {
        const { uid } = pod.metadata;
        const isDoubtful = pod.metadata.deletionTimestamp === undefined;
        const fate = fateOf(pod);
        const isStopped = fate.isStopped || this.#hasEnded(pod);
        if (uid !== undefined) this.#gone.set(uid, { ...fate, isStopped, foundAt: performance.now(), isDoubtful });
      },
    });
  }

  /** Whether the record's pod is not simply there, so that isOver() has something to find out. */
  isSuspect({ podUID }: Allocation): boolean {
    const pod = this.#podOf(podUID);
    return !pod || isFinished(pod.status) || isFailing(pod.status);
  }

  /** Begins a sweep: nodes are read again. */
  begin(): void {
    this.#beats.clear();
  }

  /** Forgets what has been known for a while of pods other than these. */
  keep(uids: ReadonlySet<string>): void {
    const since = performance.now() - rememberedMs;
    this.#gone = new Map([...this.#gone].filter(([uid, { foundAt }]) => uids.has(uid) || foundAt >= since));
    this.#thereAt = new Map([...this.#thereAt].filter(([uid]) => uids.has(uid)));
    this.#seen.keep(uids);
  }

  /** Whether the record's pod is finished or gone. Rejected if the API server does not answer. */
  async isOver(record: Allocation, signal: AbortSignal): Promise<boolean> {
    const { podUID } = record;
    const ageMs = this.#seen.ageMs(podUID);
    const pod = this.#podOf(podUID);
    if (pod && (this.#hasEnded(pod) || !isFailing(pod.status))) {
      return this.#hasEnded(pod) && this.#isHeardOrGone(pod.spec?.nodeName ?? '', signal);
    }
    let gone = this.#gone.get(podUID);
    // Its containers are given as much time to end as those of a deleted pod.
    if (!gone && pod) this.#gone.set(podUID, (gone = { ...fateOf(pod), foundAt: performance.now() }));
    if (!gone) {
      const found = await this.#ofUnwatched(record, ageMs, signal);
      if (typeof found === 'boolean') return found;
      gone = found;
    }
    if (gone.isDoubtful) {
      if (await this.#find(record, signal)) return false;
      Object.assign(gone, { isDoubtful: false, foundAt: performance.now() });
    }
    return this.#isSettled(gone, record, signal);
  }

  /** Of a pod that no watch tells of: whether it has finished, or what there is to know of it if it is gone. */
  async #ofUnwatched(record: Allocation, ageMs: number, signal: AbortSignal): Promise<boolean | Gone> {
    const { podUID } = record;
    const thereMs = performance.now() - (this.#thereAt.get(podUID) ?? -Infinity);
    if (ageMs < this.#graceMs || thereMs < this.#askAgainMs) return false;
    const found = await this.#find(record, signal);
    if (found) {
      this.#thereAt.set(podUID, performance.now());
      return !mayRun(found) && this.#isHeardOrGone(found.spec?.nodeName ?? '', signal);
    }
    const gone = { foundAt: performance.now() };
    this.#gone.set(podUID, gone);
    return gone;
  }

  /** Whether it has finished, or failed without any word about its containers, as it was refused by its kubelet or evicted. */
  #hasEnded({ spec, status }: Pod): boolean {
    if (isFinished(status)) return true;
    const node = this.#nodes.get(spec?.nodeName ?? '');
    return isFailing(status) && node !== undefined && saysFailedLast(node);
  }

  async #find({ podUID, namespace, name }: Allocation, signal: AbortSignal): Promise<Pod | undefined> {
    const pod = await this.#client.find(pods, { namespace, name }, { signal });
    return pod?.metadata.uid === podUID ? pod : undefined;
  }

  async #isSettled(gone: Gone, record: Allocation, signal: AbortSignal): Promise<boolean> {
    const { name, node, isStopped } = gone;
    if (isStopped) return true;
    // Seen, and never bound: it ran nowhere.
    if (name !== undefined && node === undefined) return true;
    if (node === undefined) return this.#runsNowhere(record) || this.#seen.ageMs(record.podUID) >= unknownNodeMs;
    const found = await this.#nodeOf(node, signal);
    if (!found || isOutOfService(found)) return true;
    if (!isReady(found)) return false;
    const { askedAt, version } = this.#beatOf(node, signal);
    const beat = await version;
    return beat === undefined || noteBeat(gone, beat, askedAt);
  }

  /** Whether no node can run the record's pod, which is gone and was never seen: mostly it was refused after our admission, for example by a quota. */
  #runsNowhere({ reservation, since }: Allocation): boolean {
    // Reserved addresses were reserved when the pod was created; others may have been taken for a pod that had been running for long.
    const createdAt = reservation === undefined ? undefined : Date.parse(since);
    return [...this.#nodes.list()].every(
      node => isReady(node) || (createdAt !== undefined && wasCutOff(node, createdAt)),
    );
  }

  /** The node's lease; asked once a sweep, as many pods may have been deleted on one node. */
  #beatOf(node: string, signal: AbortSignal): Beat {
    const known = this.#beats.get(node);
    if (known) return known;
    const askedAt = performance.now();
    const lease = this.#client.find(leases, { namespace: nodeLeases, name: node }, { signal });
    const beat = { askedAt, version: lease.then(found => found?.metadata.resourceVersion) };
    this.#beats.set(node, beat);
    return beat;
  }

  /** What is left to do for a pod that has ended, its kubelet can do even while it reports not to be ready, for example while it shuts its node down. */
  async #isHeardOrGone(name: string, signal: AbortSignal): Promise<boolean> {
    const node = await this.#nodeOf(name, signal);
    if (!node || isOutOfService(node)) return true;
    const { status } = readyCondition(node) ?? {};
    return status === 'True' || status === 'False';
  }

  async #nodeOf(name: string, signal: AbortSignal): Promise<Node | undefined> {
    return this.#nodes.get(name) ?? (await this.#client.find(nodes, { name }, { signal }));
  }
}

/** Whether the node's kubelet calls a pod failed only when none of its containers runs any more: Kubernetes 1.27 and later (KEP-3329). */
function saysFailedLast({ status }: Node): boolean {
  const { major, minor } =
    /^v(?<major>\d+)\.(?<minor>\d+)\./.exec(status?.nodeInfo?.kubeletVersion ?? '')?.groups ?? {};
  return Number(major) > 1 || (major === '1' && Number(minor) >= 27);
}

/** Whether somebody has declared the node shut down, or fenced off, so that none of its pods run there (KEP-2268, Non-graceful node shutdown). */
function isOutOfService({ spec }: Node): boolean {
  return spec?.taints?.some(({ key }) => key === 'node.kubernetes.io/out-of-service') ?? false;
}

/**
 * Whether the node's kubelet has not been heard since long before a time, ms since 1970: it knows of no pod that was made then. That leaves
 * room for clocks that differ. A kubelet that says itself that its node is not ready hears of pods.
 */
function wasCutOff(node: Node, time: number): boolean {
  const ready = readyCondition(node);
  if (ready?.status !== 'Unknown' || ready.lastTransitionTime === undefined) return false;
  return Date.parse(ready.lastTransitionTime) + unknownNodeMs < time;
}

/**
 * Notes the node's lease as it was seen.
 * @returns whether the kubelet was heard for the whole time that the pod may have taken to end: one that is cut off right after it was heard may
 *   not know of the deletion
 */
function noteBeat(gone: Gone, beat: string, askedAt: number): boolean {
  // A lease that was read before the pod was gone proves nothing: the next sweep reads again.
  if (askedAt < gone.foundAt) return false;
  gone.beat ??= beat;
  if (beat !== gone.beat) {
    gone.heardAt ??= askedAt;
    gone.heardLastAt = askedAt;
    gone.beat = beat;
  }
  const { heardAt = 0, heardLastAt = 0, graceMs = defaultGraceMs } = gone;
  return heardLastAt - heardAt >= graceMs + endingMarginMs;
}
