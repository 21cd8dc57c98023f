import { cniCodes, type CniError, cniError } from '../../core/cni/error.ts';
import type { CniResult } from '../../core/cni/result.ts';
import { isInterfaceName } from '../../core/net/interfaceName.ts';
import type { CheckpointEntry } from '../checkpoint/entry.ts';
import type { AddCall, DelegateResult } from '../delegate/delegates.ts';
import type { LinkInfo } from '../netlink/netlink.ts';
import { type Answers, withAnswers } from './answers.ts';
import { attachFailure, noNamespace } from './attachFailure.ts';
import type { Attachment, AttachmentNic } from './attachment.ts';
import type { AttachTools } from './attachTools.ts';
import { callChains } from './chain.ts';
import { answerWithoutDefaults, keepingDefaults, routesBefore } from './defaultRoutes.ts';
import { Detacher } from './detacher.ts';
import { callsPlugins, doneOf, intentOf, withBegun, withPlan, withPrinted } from './entries.ts';
import { EntryWriter } from './entryWriter.ts';
import { namespaceIdentity } from './namespaceIdentity.ts';
import { NicClaims } from './nicClaims.ts';
import { type Plan, planOf } from './plan.ts';
import { withRails } from './rails.ts';
import { nicResultOf, resultOf } from './result.ts';
import { refuseReturningNics } from './returningNics.ts';
import { refuseHeldAddresses, refuseOutdated, refuseTakenAddresses } from './takenAddresses.ts';

/** Makes attachments and takes them away. Calls for one sandbox must not overlap; the CNI server sees to that. */
export class Attacher {
  readonly #options: AttachTools;
  readonly #claims: NicClaims;
  readonly #detacher: Detacher;
  /** Entries whose ADD this process has finished: if one is read after a crash, nobody knows whether the runtime got the answer. */
  readonly #finished = new WeakSet<CheckpointEntry>();

  constructor(options: AttachTools) {
    this.#options = options;
    this.#claims = new NicClaims(options.netlink, options.checkpoint);
    this.#detacher = new Detacher(options);
  }

  /**
   * Makes all links of an attachment, or none. Whatever an interrupted call for the same sandbox and interface left is removed first.
   * @throws CniError code 4 (no room for the links' names), as refuseFinished(), 101 (a NIC that another network has), 11 (one that comes back from another
   *   sandbox), 103 or its own (a delegate), as attachFailure()
   */
  async attach(attachment: Attachment, signal: AbortSignal): Promise<CniResult> {
    refuseLongNames(attachment);
    try {
      return await this.#attach(attachment, signal);
    } catch (error) {
      throw attachFailure(attachment, error, signal);
    }
  }

  async #attach(attachment: Attachment, signal: AbortSignal): Promise<CniResult> {
    const { containerId, ifname, netns } = attachment;
    const left = this.#options.checkpoint.get(containerId, ifname);
    if (left) {
      await this.refuseFinished(left);
      await this.detach(left);
    }
    const netnsId = namespaceIdentity(netns);
    if (netnsId === undefined) throw noNamespace(netns);
    await this.#refuseTaken(attachment);
    const conflict = await this.#claims.claim(attachment);
    if (conflict !== undefined) throw cniError(cniCodes.nicUnusable, 'MNN_NIC_CONFLICT', conflict);
    try {
      return await this.#attachTo(attachment, netnsId, signal);
    } finally {
      this.#claims.release(attachment);
    }
  }

  async #attachTo(attachment: Attachment, netnsId: string, signal: AbortSignal): Promise<CniResult> {
    const { checkpoint, delegates } = this.#options;
    const { network, nics } = attachment;
    refuseHeldAddresses(attachment, checkpoint.list());
    refuseReturningNics(attachment, checkpoint.list());
    const entry = new EntryWriter(intentOf(attachment, netnsId), this.#options);
    try {
      return nics.some(callsPlugins)
        ? await delegates.inTurn(network, signal, add => this.#makeAll(attachment, entry, add, signal))
        : await this.#makeAll(attachment, entry, noPlugin, signal);
    } catch (error) {
      await this.#rollBack(entry.current, error);
      throw error;
    }
  }

  async #makeAll(attachment: Attachment, entry: EntryWriter, add: AddCall, signal: AbortSignal): Promise<CniResult> {
    const { checkpoint, netlink } = this.#options;
    const guarded = await keepingDefaults(netlink, attachment);
    const answers = await this.#callEach(guarded, entry, add);
    const ready = withRails(await this.#withMtus(withAnswers(guarded, answers)), answers);
    refuseTakenAddresses(ready, checkpoint.list());
    const linked = await this.#withLinks(ready);
    const plan = planOf(linked, checkpoint.others(linked), await routesBefore(netlink, linked));
    await entry.put(withPlan(entry.current, ready, plan), 'add.noted');
    const links = await this.#make(ready, plan, entry.current, signal);
    const changed = await this.#callChains(ready, entry, { add, links, answers });
    await entry.put(doneOf(entry.current, links), 'add.done');
    this.#finished.add(entry.current);
    return resultOf(ready, entry.current, changed, answers);
  }

  /** Removes what the entry names, as far as it is there, and then the entry itself. @throws NetlinkError, CniError of a delegate */
  detach(entry: CheckpointEntry): Promise<void> {
    return this.#detacher.detach(entry);
  }

  /**
   * A second ADD without a DEL in between would pull the interfaces out from under the pod.
   * @throws CniError code 999 where this process has made the entry's attachment and any link of it is there
   */
  async refuseFinished(entry: CheckpointEntry): Promise<void> {
    if (!this.#finished.has(entry) || namespaceIdentity(entry.netns) !== entry.netnsId) return;
    const there = await this.#options.netlink.one(entry.netns, { op: 'link.list' });
    const link = entry.links.find(({ name }) => there.some(found => found.name === name));
    if (link) throw interfaceExists(`${link.name} already, from an earlier ADD`);
  }

  /** CNI 1.1, section 2 "ADD": "If an interface with the requested name already exists … the plugin MUST return with an error". */
  async #refuseTaken({ netns, ifname, nics }: Attachment): Promise<void> {
    const links = await this.#options.netlink.one(netns, { op: 'link.list' });
    const names = [ifname, ...nics.map(({ name }) => name)];
    const taken = names.find(wanted =>
      links.some(({ name, altNames }) => name === wanted || altNames.includes(wanted)),
    );
    if (taken === undefined) return;
    throw interfaceExists(`${taken} already`);
  }

  /**
   * A ptp link is no child of the host's NIC, but must have the NIC's MTU all the same. If the network's MTU is larger than the NIC's, the NIC would
   * drop what other kinds of links send; where the kernel refuses such a link (macvlan), it does not say why.
   */
  async #withMtus(attachment: Attachment): Promise<Attachment> {
    const { nics, plugin } = attachment;
    if (plugin.type === 'delegate' || (plugin.type === 'ptp') === (plugin.mtu !== undefined)) return attachment;
    const masters = nics.map(({ master }) => ({ op: 'link.get', dev: master, ignore: ['ENODEV'] }) as const);
    const links = await this.#options.netlink.run(null, masters);
    if (plugin.type === 'ptp') return { ...attachment, nics: nics.map((nic, i) => ({ ...nic, ...mtuOf(links[i]) })) };
    refuseLargeMtu(attachment, plugin.mtu, links);
    return attachment;
  }

  /** One after another: calls for one container must not overlap (CNI 1.1, section 3 "Lifecycle & Ordering"). */
  async #callEach(
    { containerId, netns, nics, call, defaultFamilies }: Attachment,
    entry: EntryWriter,
    add: AddCall,
  ): Promise<Answers> {
    const { onStep } = this.#options;
    const answers = new Map<string, DelegateResult>();
    for (const nic of nics) {
      if (!nic.delegate) continue;
      await entry.put(withBegun(entry.current, nic, await this.#onHost(nic)), 'add.delegate.noted');
      const given = await add(nic.delegate, { containerId, netns, ifname: nic.name, ...call });
      onStep('add.delegate.called');
      const answer = answerWithoutDefaults(given, defaultFamilies);
      answers.set(nic.name, answer);
      entry.current = withPrinted(entry.current, nic.name, answer.printed);
    }
    return answers;
  }

  /** @returns the links as the plugins that follow have left them */
  async #callChains(
    attachment: Attachment,
    entry: EntryWriter,
    { add, links, answers }: { add: AddCall; links: readonly LinkInfo[]; answers: Answers },
  ): Promise<readonly LinkInfo[]> {
    const { netlink, onStep } = this.#options;
    if (attachment.nics.every(({ chain }) => !chain)) return links;
    const made = (nic: AttachmentNic): CniResult => nicResultOf(attachment, nic, entry.current, links, answers);
    await callChains(attachment, { entry, resultOf: made, add, onStep });
    return netlink.one(attachment.netns, { op: 'link.list' });
  }

  /** Without the devices that are bound to a driver in user space: these have no link, whatever addresses they are given. */
  async #withLinks(attachment: Attachment): Promise<Attachment> {
    const { netns, nics } = attachment;
    const isDevice = ({ delegate }: AttachmentNic): boolean => delegate?.conf.deviceID !== undefined;
    if (!nics.some(isDevice)) return attachment;
    const links = await this.#options.netlink.one(netns, { op: 'link.list' });
    const names = new Set(links.map(({ name }) => name));
    return { ...attachment, nics: nics.filter(nic => !isDevice(nic) || names.has(nic.name)) };
  }

  /** The NIC that goes into the pod, while it is on the host. */
  async #onHost({ moves }: AttachmentNic): Promise<LinkInfo | null> {
    return moves ? this.#options.netlink.one(null, { op: 'link.get', dev: moves.name, ignore: ['ENODEV'] }) : null;
  }

  async #make(
    { netns, nics }: Attachment,
    plan: Plan,
    entry: CheckpointEntry,
    signal: AbortSignal,
  ): Promise<LinkInfo[]> {
    const { netlink, checkpoint, onStep } = this.#options;
    if (plan.links.length > 0) await netlink.run(null, plan.links, { signal });
    onStep('add.links');
    const found = last(await netlink.run(netns, [...plan.pod, { op: 'link.list' }], { signal }));
    onStep('add.pod');
    if (plan.host.length > 0) {
      // Batches of one namespace are done in the order in which they come, so a later sandbox that is not there yet has its routes after these.
      refuseOutdated(entry, checkpoint.ofPod(entry.pod.uid));
      await netlink.run(null, plan.host, { signal });
    }
    onStep('add.host');
    const names = new Set(nics.map(({ name }) => name));
    return found.filter(({ name }) => names.has(name));
  }

  /** A rollback that fails leaves the entry, so that DEL or the next ADD finds what is left. */
  async #rollBack(entry: CheckpointEntry, failure: unknown): Promise<void> {
    try {
      await this.#detacher.detach(entry, failure);
    } catch (error) {
      const { containerId, ifname } = entry;
      this.#options.logger.error({ err: error, container: containerId, ifname }, 'rolling back failed');
    }
  }
}

/** For attachments that no other plugin has a part in. */
function noPlugin(): never {
  throw new Error('no plugin is to be called');
}

/** Type of the last element of a tuple with a variable beginning. */
function last<T>(results: readonly [...unknown[], T]): T {
  return results[results.length - 1] as T;
}

/** The specification has no code for it. */
function interfaceExists(what: string): CniError {
  return cniError(cniCodes.internal, 'MNN_INTERFACE_EXISTS', `the pod has an interface ${what}`);
}

function refuseLongNames({ ifname, nics }: Attachment): void {
  const long = nics.find(({ name }) => !isInterfaceName(name));
  if (!long) return;
  throw cniError(
    cniCodes.invalidEnvironment,
    'MNN_INTERFACE_NAME',
    `CNI_IFNAME ${ifname} leaves no room for the name ${long.name}`,
  );
}

/** @throws CniError code 101 */
function refuseLargeMtu({ network }: Attachment, mtu = 0, links: readonly (LinkInfo | null)[]): void {
  const narrow = links.find(link => link && link.mtu < mtu);
  if (!narrow) return;
  const detail = `network ${network}: plugin.args.mtu is ${mtu}, but ${narrow.name} of this node carries ${narrow.mtu}`;
  throw cniError(cniCodes.nicUnusable, 'MNN_PLUGIN_INVALID', detail);
}

function mtuOf(link: LinkInfo | null | undefined): { mtu?: number } {
  return link ? { mtu: link.mtu } : {};
}
