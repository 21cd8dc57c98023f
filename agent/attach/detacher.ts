import { randomInt } from 'node:crypto';
import type { Delegate } from '../../core/delegate/delegate.ts';
import { Attempts } from '../base/attempts.ts';
import type { Step } from '../base/steps.ts';
import type { CheckpointEntry, CheckpointLink } from '../checkpoint/entry.ts';
import { type ChangeOp, type Netlink, NetlinkError, type NetnsPath } from '../netlink/netlink.ts';
import type { AttachTools } from './attachTools.ts';
import { DelegateRemoval } from './delegateRemoval.ts';
import { bringBack } from './movedNics.ts';
import { namespaceIdentity } from './namespaceIdentity.ts';
import { removeRuleOps } from './sourceRules.ts';

/** Removes attachments: everything that an entry names, as far as it is there. */
export class Detacher {
  readonly #options: AttachTools;

  constructor(options: AttachTools) {
    this.#options = options;
  }

  /**
   * In reverse order, and on after a failure: one plugin that cannot be called must not keep the rest from being removed. The entry goes last,
   * and only if nothing is left; without the pod's namespace it remains for the calls of plugins that failed, and holds no addresses any more.
   * @param failedAdd the error that has just kept the attachment from being made
   * @throws the first failure
   */
  async detach(entry: CheckpointEntry, failedAdd?: unknown): Promise<void> {
    const { checkpoint, onStep } = this.#options;
    // The path may lead to another sandbox's namespace by now (a reused process id), where nothing is ours.
    const isThere = namespaceIdentity(entry.netns) === entry.netnsId;
    const delegates = new DelegateRemoval(this.#options, entry, { netns: isThere ? entry.netns : '', failedAdd });
    const attempts = new Attempts();
    const attempt = async (work: () => Promise<void>, step: Step): Promise<void> => {
      await attempts.run(work);
      onStep(step);
    };
    const linksOf = (role: Delegate['role']): CheckpointLink[] =>
      entry.links.filter(({ delegate }) => delegate?.role === role).toReversed();
    for (const link of entry.links.toReversed()) {
      for (const one of (link.chain ?? []).toReversed()) await attempt(() => delegates.undo(link, one), 'del.chain');
    }
    for (const link of linksOf('plugin')) await attempt(() => delegates.remove(link), 'del.delegate');
    // Deleting either end of a ptp link deletes both. Deletions in pods' namespaces run side by side, those in the host's one after another.
    if (isThere) await attempt(() => this.#deleteInPod(entry), 'del.pod');
    await attempt(() => this.#deleteOnHost(entry), 'del.host');
    for (const link of linksOf('ipam')) await attempt(() => delegates.remove(link), 'del.ipam');
    if (entry.links.some(({ moves }) => moves))
      await attempt(() => bringBack(this.#options, entry, isThere), 'del.moved');
    const { left } = delegates;
    if (!isThere && left.length > 0 && left.length === attempts.failures.length) {
      await checkpoint.put(withoutAddresses(entry, left));
    }
    attempts.throwFirst();
    await checkpoint.delete(entry);
    onStep('del.forgotten');
  }

  async #deleteOnHost({ links }: CheckpointEntry): Promise<void> {
    const hostEnds = links.flatMap(link => link.hostEnd ?? []);
    await removeLinks(this.#options.netlink, null, hostEnds);
  }

  async #deleteInPod({ netns, links }: CheckpointEntry): Promise<void> {
    const own = links.filter(({ delegate }) => delegate?.role !== 'plugin').map(({ name }) => name);
    const rules = removeRuleOps(links.flatMap(link => link.rules ?? []));
    try {
      await removeLinks(this.#options.netlink, netns, own, rules);
    } catch (error) {
      if (!(error instanceof NetlinkError) || !error.namespaceGone) throw error;
    }
  }
}

/** What is left of an entry whose links and addresses are gone: plugins that have to be called for these links. */
function withoutAddresses(entry: CheckpointEntry, links: readonly CheckpointLink[]): CheckpointEntry {
  const left: CheckpointEntry = {
    ...entry,
    links: links.map(({ name, master, delegate }) => ({
      name,
      ...(master !== undefined && { master }),
      addresses: [],
      routes: [],
      ...(delegate && { delegate }),
    })),
  };
  delete left.pool;
  return left;
}

/**
 * Removes links, as far as they are there. As a group (IFLA_GROUP), whose number nobody can know who might put other links into it, the kernel waits
 * once for all of them. A group stays whole if one of it cannot be removed: a pod may have given the name of ours to its loopback.
 */
async function removeLinks(
  netlink: Netlink,
  netns: NetnsPath | null,
  names: readonly string[],
  before: readonly ChangeOp[] = [],
): Promise<void> {
  const group = randomInt(2 ** 16, 2 ** 31);
  const ignore = ['ENODEV', 'EOPNOTSUPP'] as const;
  const grouped = names.map((dev): ChangeOp => ({ op: 'link.set', dev, group, ignore: ['ENODEV'] }));
  const removal: ChangeOp[] = names.length === 0 ? [] : [...grouped, { op: 'link.delGroup', group, ignore }];
  const last = (await netlink.run(netns, [...before, ...removal])).at(-1);
  if (last?.done !== false || last.failure.code !== 'EOPNOTSUPP') return;
  const each = names.map((dev): ChangeOp => ({ op: 'link.del', dev, ignore }));
  await netlink.run(netns, each);
}
