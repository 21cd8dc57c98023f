import { annotation } from '../../core/api/names.ts';
import { auditedPod } from '../../core/audit/readPod.ts';
import { bareAddress } from '../../core/net/interfaceAddress.ts';
import { nodes, type Pod, pods } from '../../kube/api/resources.ts';
import { AdmissionChain, isBroken, Refused } from './admissionChain.ts';
import type { BindingTo, Creation } from './admissions.ts';
import { reservationMs } from './leader.ts';
import type { Model, ModelPod, Sandbox, Use } from './model.ts';
import { inPagesAtBind, podAsPosted, type PodKind } from './podKinds.ts';
import { namespace, type NodeName } from './setting.ts';
import type { Site } from './site.ts';
import type { WebhookReplica } from './webhookReplica.ts';

/** What happens in a cluster, played on a site and noted in the model. */
export class Operations {
  readonly #site: Site;
  readonly #model: Model;
  readonly #chain = new AdmissionChain();
  #names = 0;
  #sandboxes = 0;

  constructor(site: Site, model: Model) {
    this.#site = site;
    this.#model = model;
  }

  /** @returns whether the pod was admitted */
  async create(creation: Creation): Promise<boolean> {
    const { node, copied } = creation;
    // A copy selects what its original does; where it is placed is its own.
    const kind = copied && inPagesAtBind.has(copied.kind) ? copied.kind : creation.kind;
    const { lives } = this.#model.node(node);
    const began = this.#site.time.now;
    try {
      const pod = await this.#admit(creation);
      if (!pod) return false;
      const { metadata } = await this.#site.user.create(pods, pod);
      const { uid = '', name } = metadata;
      const bound = creation.kind === 'pinned' ? node : undefined;
      const knownNode = creation.kind === 'daemon' ? node : bound;
      const isLost = knownNode !== undefined && this.#isOther(knownNode, lives);
      this.#model.pods.set(uid, { uid, name, kind, node: bound, state: 'live', isBusy: false, knownNode, isLost });
      return true;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const isQuick = this.#site.time.now - began < reservationMs && !this.#isOther(node, lives);
      if (!copied) this.#judge(error, creation, { isQuick });
      return false;
    }
  }

  /** Some refusals say that something is wrong. */
  #judge(error: Refused, { kind }: Creation, { isQuick }: { isQuick: boolean }): void {
    // In a node's pool no fault of the API server is a reason to refuse: the time that the webhook has is.
    const isGivenUp = kind === 'daemon' && isBroken(error.cause);
    const isFreed = isQuick && error.message.includes('given up meanwhile');
    if (isGivenUp || isFreed) this.#site.failures.push(String(error));
  }

  /** @returns the pod as it is to be stored; undefined where somebody else refuses it, or nothing is to be stored */
  async #admit({
    kind,
    node,
    by,
    isReinvoked,
    refusedAfter,
    dryRun,
    copied,
    isSuccessor,
    isUnvalidated = false,
  }: Creation): Promise<Pod | undefined> {
    const number = ++this.#names;
    const freeName = isSuccessor && !dryRun ? this.#freeName(kind) : undefined;
    const name = freeName ?? `${dryRun ? 'dry' : kind}-${number}`;
    const [first, second, third] = by;
    const original = copied && (await this.#site.user.find(pods, { namespace, name: copied.name }));
    let pod = podAsPosted(kind, name, node, original?.metadata.annotations);
    pod = await this.#chain.mutatePod(this.#replica(first), pod, dryRun);
    if (isReinvoked) {
      const again = await this.#chain.mutatePod(this.#replica(second), pod, dryRun);
      // Copies that are created at once share a reservation until their UIDs are known: one of them is refused.
      if (!dryRun && !copied) this.#expectSame(`a re-invocation for ${name}`, pod, again);
      pod = again;
    }
    if (refusedAfter === 'mutation') return undefined;
    pod = { ...pod, metadata: { ...pod.metadata, uid: `uid-${number}-of-${name}` } };
    if (!isUnvalidated) await this.#chain.validatePod(this.#replica(third), pod, dryRun);
    return refusedAfter === 'validation' || dryRun ? undefined : pod;
  }

  /** @returns whether the pod is bound */
  async bind(pod: ModelPod, { by, isTwice, isRefused, dryRun, ...wish }: BindingTo): Promise<boolean> {
    const { uid, name } = pod;
    const node = pod.knownNode ?? wish.node;
    const { lives } = this.#model.node(node);
    pod.isBusy = true;
    try {
      const target = { name, uid, node };
      const reviews = (isTwice ? by : by.slice(0, 1)).map(i =>
        this.#chain.mutateBinding(this.#replica(i), target, dryRun),
      );
      const settled = await Promise.allSettled(reviews);
      const [last] = settled.slice(-1);
      const failed = settled.find(review => review.status === 'rejected' && !(review.reason instanceof Refused));
      if (failed?.status === 'rejected') throw failed.reason;
      // In pages each replica may take its own; then the leader releases those that the pod did not get.
      if (settled.length > 1 && !dryRun && !inPagesAtBind.has(pod.kind)) this.#expectSameBindings(name, settled);
      if (last?.status !== 'fulfilled' || isRefused || dryRun) return false;
      const body = {
        metadata: { name, namespace, uid, annotations: last.value },
        target: { kind: 'Node', name: node },
      };
      const isBound = await this.#site.user.bind(pods, { name, namespace }, body);
      if (!isBound) return false;
      pod.node = node;
      pod.isLost = this.#isOther(node, lives);
      return true;
    } finally {
      pod.isBusy = false;
    }
  }

  /** The kubelet makes the pod's sandbox; where that fails it takes away what there is, and tries again another time. */
  async attach(pod: ModelPod): Promise<void> {
    const { uid, name, node } = pod;
    const agent = node && this.#site.agents.get(node);
    if (!agent) return;
    const id = `sandbox-${++this.#sandboxes}`;
    const { lives } = this.#model.node(node);
    pod.isBusy = true;
    try {
      const entries = await agent.add({ name, uid }, id).catch(() => undefined);
      if (this.#isOther(node, lives)) return;
      if (!entries) {
        await this.#site.agents.get(node)?.remove(id);
        return;
      }
      const uses = entries.map(({ network, ifname, links }): Use => ({
        ...{ uid, network, interface: ifname },
        addresses: links.flatMap(({ addresses }) => addresses),
      }));
      this.#model.sandboxes.set(id, { id, uid, name, node, uses });
      if (this.#model.pods.get(uid)?.state === 'live' && !this.#model.node(node).isCut) await this.#report(name, uses);
    } finally {
      pod.isBusy = false;
    }
    // Deleted by force meanwhile: its kubelet ends it as soon as it can.
    if (!this.#model.pods.has(uid)) await this.reap(node);
  }

  /** What the kubelet and the agent (or Multus) say of a pod that runs. */
  async #report(name: string, uses: readonly Use[]): Promise<void> {
    const status = uses.flatMap(({ network, interface: ifname, addresses }) =>
      addresses.map((address, i) => ({
        ...{ name: `${namespace}/${network}`, interface: `${ifname}-${i}`, ips: [bareAddress(address)], dns: {} },
      })),
    );
    await this.#site.user.annotate(pods, { name, namespace }, { [annotation.networkStatus]: JSON.stringify(status) });
    await this.#site.user.setStatus(pods, { name, namespace }, { phase: 'Running' });
  }

  /** The sandbox is gone, as after a reboot; the kubelet makes another one. */
  async renew(pod: ModelPod): Promise<void> {
    const sandbox = [...this.#model.sandboxes.values()].find(({ uid }) => uid === pod.uid);
    if (!sandbox || !this.#model.works(sandbox.node)) return;
    this.#model.sandboxes.delete(sandbox.id);
    await this.#site.agents.get(sandbox.node)?.remove(sandbox.id);
    await this.attach(pod);
  }

  async delete(pod: ModelPod, isForced: boolean): Promise<void> {
    const { uid, name, node } = pod;
    const isLeft = node !== undefined && !isForced;
    if (isLeft) pod.state = 'ending';
    else this.#model.forget(pod);
    const options = { preconditions: { uid }, ...(isForced && { gracePeriodSeconds: 0 }) };
    await this.#site.user.delete(pods, { name, namespace }, options);
    // A kubelet that hears of it ends the containers at once.
    if (!isLeft && node !== undefined && this.#model.works(node)) await this.reap(node);
  }

  async finish(pod: ModelPod): Promise<void> {
    pod.state = 'finished';
    await this.#site.user.setStatus(pods, { name: pod.name, namespace }, { phase: 'Succeeded' });
  }

  /** The kubelet ends sandboxes whose pods are over, and says that it has. */
  async reap(node: NodeName): Promise<void> {
    if (!this.#model.works(node)) return;
    const agent = this.#site.agents.get(node);
    for (const { id } of this.#model.over(node)) {
      await agent?.remove(id);
      this.#model.sandboxes.delete(id);
    }
    for (const pod of [...this.#model.pods.values()]) {
      if (pod.node === node && pod.state === 'ending' && !pod.isBusy) await this.#remove(pod);
    }
  }

  async removeNode(node: NodeName): Promise<void> {
    const state = this.#model.node(node);
    state.isUp = false;
    state.isCut = false;
    state.lives++;
    await this.#site.removeNode(node);
    for (const { id } of this.#ofNode(node)) this.#model.sandboxes.delete(id);
    for (const pod of this.#model.pods.values()) if (pod.knownNode === node) pod.isLost = true;
    await this.collectLost();
  }

  async addNode(node: NodeName): Promise<void> {
    this.#model.node(node).isUp = true;
    await this.#site.addNode(node);
  }

  cutOff(node: NodeName): void {
    this.#model.node(node).isCut = true;
    this.#site.cutOff(node);
  }

  async heal(node: NodeName): Promise<void> {
    this.#model.node(node).isCut = false;
    await this.#site.heal(node);
    // The kubelet hears first of all what was deleted meanwhile.
    await this.reap(node);
  }

  /** The pod garbage collector: pods of nodes that are gone; and the DaemonSet controller: those that were to go there. */
  async collectLost(): Promise<void> {
    const there = new Set((await this.#site.user.list(nodes)).map(({ metadata }) => metadata.name));
    for (const pod of [...this.#model.pods.values()]) {
      const isGone = pod.node === undefined ? pod.isLost : !there.has(pod.node);
      if (isGone && !pod.isBusy) await this.#remove(pod);
    }
  }

  async #remove(pod: ModelPod): Promise<void> {
    const { uid, name } = pod;
    this.#model.forget(pod);
    await this.#site.user.delete(pods, { name, namespace }, { preconditions: { uid }, gracePeriodSeconds: 0 });
  }

  /** Whether the node is gone, or another machine of its name by now. */
  #isOther(node: NodeName, lives: number): boolean {
    const now = this.#model.node(node);
    return !now.isUp || now.lives !== lives;
  }

  #ofNode(node: NodeName): Sandbox[] {
    return [...this.#model.sandboxes.values()].filter(sandbox => sandbox.node === node);
  }

  #freeName(kind: PodKind): string | undefined {
    const { freeNames } = this.#model;
    const at = freeNames.findIndex(free => free.kind === kind);
    return at < 0 ? undefined : freeNames.splice(at, 1)[0]?.name;
  }

  #replica(i: number): WebhookReplica {
    const replica = this.#site.replicas[i % this.#site.replicas.length];
    if (!replica) throw new Error('there is no replica');
    return replica;
  }

  /** What a DaemonSet's pod was not given for want of addresses it may be given later. */
  #expectSame(what: string, before: Pod, after: Pod): void {
    const [old = [], now = []] = [before, after].map(pod =>
      auditedPod(pod).attachments.map(one => JSON.stringify(one)),
    );
    if (old.some(one => !now.includes(one))) this.#site.failures.push(`${what}: ${old.join()} became ${now.join()}`);
  }

  #expectSameBindings(name: string, reviews: readonly PromiseSettledResult<Record<string, string>>[]): void {
    const texts = reviews.flatMap(review =>
      review.status === 'fulfilled' ? (review.value[annotation.networks] ?? []) : [],
    );
    if (new Set(texts).size > 1)
      this.#site.failures.push(`two reviews of one binding of ${name}: ${texts.join(' and ')}`);
  }
}
